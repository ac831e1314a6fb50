-- wrk -t1 -c4 -d15s --latency -s deploy/load/recommend.lua http://127.0.0.1:8080 -- 6040 ["a request in words"]
-- Posts lists for random users 1..N of the data, and says at the end how many answers were no list.
local users, words = 600, nil

function init(args)
  math.randomseed(os.time())
  users = tonumber(args[1]) or users
  words = args[2]
end

function request()
  local body = '{"user": "' .. math.random(users) .. '"' .. (words and ', "request": "' .. words .. '"' or "") .. "}"
  return wrk.format("POST", "/v1/recommend", { ["Content-Type"] = "application/json" }, body)
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format("no list: %d of status, %d of connections, %d timed out\n", e.status, e.connect + e.read + e.write, e.timeout))
  io.write(string.format("p50 %.0f ms, p99 %.0f ms, longest %.0f ms\n", latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency.max / 1000))
end
