-- wrk script: sign-offs of fresh tasks, or reads. Arguments: KIND TOKEN FIRST LAST THREADS [STRIDE OFFSET], where KIND is
-- sign, task, application or the path of a list, and STRIDE × (FIRST … LAST) + OFFSET number the applications. Prints "ok others seconds p50_us p99_us max_us" at the end.
local ffi = require("ffi")
ffi.cdef("typedef struct { long sec, usec; } chuyi_timeval; int gettimeofday(chuyi_timeval *, void *);")
local time = ffi.new("chuyi_timeval")
local function now()
  ffi.C.gettimeofday(time, nil)
  return tonumber(time.sec) + tonumber(time.usec) / 1e6
end

local threads = {}
function setup(thread)
  thread:set("number", #threads)
  table.insert(threads, thread)
end

function init(args)
  kind, token, last, step = args[1], args[2], tonumber(args[4]), tonumber(args[5])
  stride, offset = tonumber(args[6] or 1), tonumber(args[7] or 0)
  at = tonumber(args[3]) + number
  first = at
  ok, others, began, ended = 0, 0, 0, 0
  headers = { ["Authorization"] = "Bearer " .. token, ["Content-Type"] = "application/json" }
end

function request()
  if began == 0 then began = now() end
  local n = at * stride + offset
  at = at + step
  if kind == "sign" then
    if at - step > last then wrk.thread:stop() end
    headers["Idempotency-Key"] = "k" .. n
    return wrk.format("POST", string.format("/api/v1/tasks/t-bench%011d-5/complete", n), headers,
      '{"outcome":"recommend","data":{"opinion":"同意推荐"}}')
  end
  if at > last then at = first end
  if string.sub(kind, 1, 1) == "/" then return wrk.format("GET", kind, headers) end
  if kind == "task" then return wrk.format("GET", string.format("/api/v1/tasks/t-bench%011d-5", n), headers) end
  return wrk.format("GET", string.format("/api/v1/applications/a-bench%011d", n), headers)
end

function response(status)
  if status == 200 then ok = ok + 1; ended = now() else others = others + 1 end
end

function done(summary, latency)
  local all_ok, all_others, from, to = 0, 0, math.huge, 0
  for _, thread in ipairs(threads) do
    all_ok, all_others = all_ok + thread:get("ok"), all_others + thread:get("others")
    if thread:get("began") > 0 then from = math.min(from, thread:get("began")) end
    to = math.max(to, thread:get("ended"))
  end
  print(string.format("RESULT %d %d %.6f %d %d %d", all_ok, all_others, to - from, latency:percentile(50), latency:percentile(99), latency.max))
end
