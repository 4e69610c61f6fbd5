-- Drives wrk with requests read from a file (see messages.py): templates are separated by \1 and sent in turn;
-- inside a template every \0 becomes a number that no other request carries. Prints its result as one line of JSON.

local templates = {}
local marked = false
local turn = 0
local number = 0

local function split(text, separator)
   local parts, from = {}, 1
   while true do
      local at = text:find(separator, from, true)
      if not at then break end
      parts[#parts + 1] = text:sub(from, at - 1)
      from = at + 1
   end
   parts[#parts + 1] = text:sub(from)
   return parts
end

function init(args)
   local file = assert(io.open(args[1], "rb"))
   local text = file:read("*a")
   file:close()
   number = tonumber(args[2])
   for _, template in ipairs(split(text, "\1")) do
      local pieces = split(template, "\0")
      marked = marked or #pieces > 1
      templates[#templates + 1] = pieces
   end
   if not marked then
      for index, pieces in ipairs(templates) do templates[index] = pieces[1] end
   end
   if not marked and #templates == 1 then
      local only = templates[1]
      request = function() return only end
   elseif not marked then
      request = function()
         turn = turn % #templates + 1
         return templates[turn]
      end
   else
      request = function()
         turn = turn % #templates + 1
         number = number + 1
         return table.concat(templates[turn], string.format("%012d", number))
      end
   end
end

function request() return "" end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      '{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "longest": %f, "errors": %d}\n',
      summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e6, latency:percentile(99) / 1e6,
      latency.max / 1e6,
      errors.connect + errors.read + errors.write + errors.timeout + errors.status))
end
