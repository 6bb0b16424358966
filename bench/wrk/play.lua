-- Plays the requests of a file in turn, again and again, whatever connection is free: wrk -s play.lua URL -- FILE
-- Each stands there as its length in bytes, a line end, and the bytes. What came of it is printed as one line of JSON;
-- times are in microseconds. Answers are not looked at here: that would cost more than playing.
local played, at = {}, 0

function init(args)
  local file = assert(io.open(args[1], "rb"))
  while true do
    local length = file:read("*n")
    if not length then
      break
    end
    file:read(1)
    played[#played + 1] = file:read(length)
  end
  file:close()
end

function request()
  at = at % #played + 1
  return played[at]
end

function done(summary, latency)
  local errors = summary.errors
  local silent = errors.connect + errors.read + errors.write + errors.timeout
  local form = '{"requests": %d, "microseconds": %d, "bytes": %d, "refused": %d, "failed": %d}\n'
  io.write(form:format(summary.requests, summary.duration, summary.bytes, errors.status, silent))
end
