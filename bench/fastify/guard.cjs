// What a Node team would put before an API: Fastify with @fastify/etag, and a comparison before each write. Between the
// comparison and the write another may come; nothing here keeps it out. node guard.cjs UPSTREAM FOLDER_OF_PACKAGES
"use strict";

const { createHash } = require("node:crypto");
const { createRequire } = require("node:module");

const [upstream, packages] = process.argv.slice(2);
const installed = createRequire(`${packages}/package.json`);
const { Pool } = installed("undici");

const pool = new Pool(upstream, { connections: 64, pipelining: 1 });
const app = installed("fastify")({ logger: false, bodyLimit: 64 * 1024 * 1024, requestTimeout: 0 });

app.register(installed("@fastify/etag"));
app.removeAllContentTypeParsers();
app.addContentTypeParser("*", { parseAs: "buffer" }, (request, content, done) => done(null, content));

const OURS = new Set(["connection", "keep-alive", "transfer-encoding", "content-length", "host", "if-match", "if-none-match"]);

const passed = (headers) => Object.fromEntries(Object.entries(headers).filter(([name]) => !OURS.has(name)));

async function ask(path, method, headers, content) {
  const answer = await pool.request({ path, method, headers: passed(headers), body: content });
  return { status: answer.statusCode, headers: passed(answer.headers), content: Buffer.from(await answer.body.arrayBuffer()) };
}

// As @fastify/etag mints it.
const tag = (content) => `"${createHash("sha1").update(content).digest("base64")}"`;

const send = (reply, { status, headers, content }) =>
  reply.code(status).headers(headers).send(content.length ? content : undefined);

app.get("*", async (request, reply) => send(reply, await ask(request.url, request.method, request.headers)));

app.route({
  method: ["PUT", "PATCH", "POST", "DELETE"],
  url: "*",
  handler: async (request, reply) => {
    const expected = request.headers["if-match"];
    if (expected !== undefined) {
      const { "content-type": _, ...selecting } = request.headers;
      const current = await ask(request.url, "GET", selecting);
      if (current.status !== 200 || !(expected === "*" || expected.split(/, */).includes(tag(current.content)))) {
        return reply.code(412).send();
      }
    }
    return send(reply, await ask(request.url, request.method, request.headers, request.body));
  },
});

app.listen({ host: "127.0.0.1", port: 0, backlog: 4096 }).then((address) => console.log(`listening on ${address}`));
process.on("SIGTERM", () => process.exit(0));
