-- What a team would write that has nginx and an afternoon: tags minted from content, If-None-Match and If-Match compared
-- with them. Between the comparison and the write another may come; nothing here keeps it out.
local method = ngx.req.get_method()

local function shown()
  local answer = ngx.location.capture("/shown" .. ngx.var.request_uri, { method = ngx.HTTP_GET })
  if answer.status ~= 200 or answer.truncated then
    return answer, nil
  end
  return answer, '"' .. ngx.md5(answer.body) .. '"'
end

local function named(field, tag)
  return field == "*" or field == tag or (", " .. field .. ","):find(", " .. tag .. ",", 1, true) ~= nil
end

if method == "GET" or method == "HEAD" then
  local answer, tag = shown()
  for name, value in pairs(answer.header) do
    ngx.header[name] = value
  end
  ngx.header["ETag"] = tag
  local known = ngx.var.http_if_none_match
  if tag and known and named(known, tag) then
    ngx.header["Content-Length"] = nil
    ngx.status = ngx.HTTP_NOT_MODIFIED
    return ngx.exit(ngx.HTTP_OK)
  end
  ngx.status = answer.status
  ngx.header["Content-Length"] = #answer.body
  return ngx.print(answer.body)
end

ngx.req.read_body()
local expected = ngx.var.http_if_match
if expected then
  local _, tag = shown()
  if not tag or not named(expected, tag) then
    return ngx.exit(412)
  end
end
return ngx.exec("@forward")
