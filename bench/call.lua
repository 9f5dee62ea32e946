-- Sends one call after the other to one action, round robin over the bodies of a file.
--
-- BENCH_PATH is the action's path. BENCH_BODIES names the file, one body a line; BENCH_FIRST is the line to begin with, from 0.
-- Every request is laid out before the clock runs, so that wrk takes little from the server.

local requests = {}
local current

function init(args)
   local headers = { ["Content-Type"] = "application/json" }
   for key, value in pairs(wrk.headers) do
      headers[key] = value
   end
   local path = os.getenv("BENCH_PATH")
   for body in io.lines(os.getenv("BENCH_BODIES")) do
      requests[#requests + 1] = wrk.format("POST", path, headers, body)
   end
   current = tonumber(os.getenv("BENCH_FIRST")) % #requests
end

function request()
   current = current % #requests + 1
   return requests[current]
end

function done(summary, latency, _)
   local errors = summary.errors
   io.write(string.format(
      '\nBENCH {"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,' ..
      '"refused":%d,"connect":%d,"read":%d,"write":%d,"timeout":%d}\n',
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
      errors.status, errors.connect, errors.read, errors.write, errors.timeout
   ))
end
