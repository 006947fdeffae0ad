-- The load: every request another phone, another fix_id, its own time and place.
-- Environment: RESIDENTS (file), START (number of the first request), NAME (prefix of the fix ids).
-- Two hundred thousand residents are no garbage: do not look through them again and again.
collectgarbage("setpause", 1000)
local residents = {}
for line in io.lines(os.getenv("RESIDENTS")) do
  local token, hla, hlo, ala, alo = line:match("(%S+) (%S+) (%S+) (%S+) (%S+)")
  residents[#residents + 1] = {token, tonumber(hla), tonumber(hlo), tonumber(ala), tonumber(alo)}
end

counter = tonumber(os.getenv("START"))
local name = os.getenv("NAME")
local form = '{"sent_at":"%s","fixes":[{"fix_id":"%s-%d","lat":%.6f,"lon":%.6f,"accuracy_m":8,"recorded_at":"%s"}]}'

local threads = {}
function setup(thread) threads[#threads + 1] = thread end

function request()
  local resident = residents[counter % #residents + 1]
  local visit = math.floor(counter / #residents)
  -- A walker is twice at home, then twice away, each in its own turn; the others stay where they
  -- are, give or take ten metres.
  local at = ((visit + counter) % 4 < 2) and 2 or 4
  local sway = ((counter * 7919) % 2001 - 1000) * 1e-7
  local now = os.date("!%Y-%m-%dT%H:%M:%SZ")
  local body = form:format(now, name, counter, resident[at] + sway, resident[at + 1] - sway, now)
  counter = counter + 1
  return wrk.format("POST", "/v1/fixes",
    {["Authorization"] = "Bearer " .. resident[1], ["Content-Type"] = "application/json"}, body)
end

function done(summary, latency)
  local errors = summary.errors
  io.write(("RESULT %d %d %d %d %d %.0f %.0f\n"):format(
    summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    threads[1]:get("counter"), latency:percentile(50), latency:percentile(99)))
end
