// Loaded into an origin server before its own code: whatever it is told, it listens on a free loopback port and says
// which. json-server says the port that it was asked for, and its version 1 listens on every address.
"use strict";

const { Server } = require("node:net");

const { listen } = Server.prototype;

Server.prototype.listen = function (...options) {
  this.once("listening", () => console.log(`listening on http://127.0.0.1:${this.address().port}`));
  const listener = options.find((option) => typeof option === "function");
  return listen.call(this, { host: "127.0.0.1", port: 0 }, listener);
};
