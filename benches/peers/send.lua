-- What wrk sends: a token in every request, from a file with one on a line.
-- Arguments: file of tokens or "-", first line, last line, "again" or "once", number of paths.

local tokens, first, last, at, again, paths = {}, 1, 1, 0, true, 0
ran_out = 0

function init(arguments)
    first, last = tonumber(arguments[2]), tonumber(arguments[3])
    again, paths = arguments[4] == "again", tonumber(arguments[5])
    at = first - 1
    if arguments[1] ~= "-" then
        local number = 0
        for line in io.lines(arguments[1]) do
            number = number + 1
            if number > last then break end
            if number >= first then tokens[number] = "\r\nAuthorization: Bearer " .. line end
        end
    end
end

local sent = 0

function request()
    at, sent = at + 1, sent + 1
    if at > last then
        at = first
        -- A token that comes twice is no new one: the run is void.
        if not again then ran_out = 1 end
    end
    local path = wrk.path
    if paths > 0 then path = "/p" .. (sent * 7919 % paths) .. "/x" end
    return "GET " .. path .. " HTTP/1.1\r\nHost: bench.example" .. (tokens[at] or "") .. "\r\n\r\n"
end

local threads = {}

function setup(thread)
    table.insert(threads, thread)
end

function done(summary, latency, _)
    local errors = summary.errors
    local empty = 0
    for _, thread in ipairs(threads) do empty = empty + thread:get("ran_out") end
    print(string.format(
        "RESULT %d %d %d %d %d %d %d",
        summary.requests, summary.duration, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
        latency:percentile(50), latency:percentile(99), empty))
end
