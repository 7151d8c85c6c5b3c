-- Refuses JSON that does not match the method's request: unknown fields, repeated fields, two fields of a oneof, unknown enum values, and
-- unknown query parameters. This filter runs before the transcoder, because the transcoder would drop these parts silently. METHODS, MESSAGES and
-- ENUMS are generated from the protos (edge_json.py). To limit the work for one request, the filter also refuses requests with more than
-- MAX_STEPS names, values and escaped quotes, and requests nested deeper than MAX_DEPTH.

local MAX_DEPTH = 32
local LARGE = 1048576
local OBJECT, LIST, QUOTE, BACKSLASH = 123, 91, 34, 92
local REASON = '{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"INVALID_REQUEST","domain":"proctorium"'

-- The state of the request that is being parsed. All requests of an Envoy worker can share these variables, because a worker parses one request
-- at a time: the functions that use the variables never yield.
local text, at, steps, path

local find, byte, sub = string.find, string.byte, string.sub

-- Stops parsing with an error. Without a description, the client receives the edge's own error for a body that is not valid JSON.
local function refuse(description, field)
  error({ description = description, field = field }, 0)
end

local function here(name)
  local parts = {}
  for _, part in ipairs(path) do
    parts[#parts + 1] = type(part) == "number" and "[" .. part .. "]" or (#parts > 0 and "." or "") .. part
  end
  if name ~= nil then
    parts[#parts + 1] = (#parts > 0 and "." or "") .. name
  end
  return table.concat(parts)
end

local function step()
  steps = steps + 1
  if steps > MAX_STEPS then
    refuse("The request has too many values. Please split it into several requests.")
  end
end

local function next_byte()
  at = find(text, "[^ \t\r\n]", at) or #text + 1
  return byte(text, at)
end

local function expect(character)
  if next_byte() ~= character then
    refuse()
  end
  at = at + 1
end

-- Moves past a string, and returns the positions of the first and the last byte between the quotes.
local function read_string()
  if next_byte() ~= QUOTE then
    refuse()
  end
  local first = at + 1
  local from = first
  while true do
    step()
    local quote = find(text, '"', from, true)
    if quote == nil then
      refuse()
    end
    local before = quote - 1
    while before >= first and byte(text, before) == BACKSLASH do
      before = before - 1
    end
    at = quote + 1
    if (quote - 1 - before) % 2 == 0 then
      return first, quote - 1
    end
    from = quote + 1
  end
end

local function utf8(code)
  if code < 0x80 then
    return string.char(code)
  elseif code < 0x800 then
    return string.char(0xC0 + math.floor(code / 0x40), 0x80 + code % 0x40)
  elseif code < 0x10000 then
    return string.char(0xE0 + math.floor(code / 0x1000), 0x80 + math.floor(code / 0x40) % 0x40, 0x80 + code % 0x40)
  end
  return string.char(
    0xF0 + math.floor(code / 0x40000), 0x80 + math.floor(code / 0x1000) % 0x40, 0x80 + math.floor(code / 0x40) % 0x40, 0x80 + code % 0x40
  )
end

local SHORT = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

-- Returns a raw string with the escapes decoded, because a client can write the name of a field with or without escapes.
local function decode(raw)
  if not find(raw, "\\", 1, true) then
    return raw
  end
  raw = raw:gsub("\\u([dD][89abAB]%x%x)\\u([dD][c-fC-F]%x%x)", function(high, low)
    return utf8(0x10000 + (tonumber(high, 16) - 0xD800) * 0x400 + tonumber(low, 16) - 0xDC00)
  end)
  return (raw:gsub("\\(u?)(.)(%x?%x?%x?)", function(unicode, first, rest)
    if unicode == "u" then
      local code = tonumber(first .. rest, 16)
      return #rest == 3 and code ~= nil and utf8(code) or refuse()
    end
    return (SHORT[first] or first) .. rest
  end))
end

local function read_text()
  local first, last = read_string()
  return decode(sub(text, first, last))
end

-- Moves past a number, true, false or null, and returns its raw text.
local function read_literal()
  step()
  local first, last = find(text, "^[%w%.%+%-]+", at)
  if first == nil then
    refuse()
  end
  at = last + 1
  return sub(text, first, last)
end

-- Moves past a list or an object, and calls the function `entry` with the index of each element. The function must move
-- past the element.
local function each(open, close, depth, entry)
  if depth > MAX_DEPTH then
    refuse("The request is nested too deeply.", here())
  end
  expect(open)
  if next_byte() == close then
    at = at + 1
    return
  end
  local number = 0
  while true do
    step()
    entry(number)
    number = number + 1
    local after = next_byte()
    at = at + 1
    if after == close then
      return
    elseif after ~= 44 then
      refuse()
    end
  end
end

local read_value

-- Moves past a value of any type.
local function read_anything(depth)
  local first = next_byte()
  if first == QUOTE then
    read_string()
  elseif first == LIST then
    each(LIST, 93, depth, function() read_anything(depth + 1) end)
  elseif first == OBJECT then
    each(OBJECT, 125, depth, function()
      read_string()
      expect(58)
      read_anything(depth + 1)
    end)
  else
    read_literal()
  end
end

local function read_map(field, depth)
  local seen = {}
  each(OBJECT, 125, depth, function()
    local key = read_text()
    if seen[key] then
      refuse("This key appears twice.", here(key))
    end
    seen[key] = true
    expect(58)
    path[#path + 1] = key
    read_value(field, depth + 1)
    path[#path] = nil
  end)
end

local function read_field(field, depth)
  local first = next_byte()
  if first == 110 then  -- null counts as an absent field
    if read_literal() ~= "null" then
      refuse()
    end
    return false
  end
  if field.map then
    if first ~= OBJECT then
      refuse("This must be an object.", here())
    end
    read_map(field, depth)
  elseif field.repeated then
    if first ~= LIST then
      refuse("This must be a list.", here())
    end
    each(LIST, 93, depth, function(number)
      path[#path + 1] = number
      read_value(field, depth + 1)
      path[#path] = nil
    end)
  else
    read_value(field, depth)
  end
  return true
end

local function read_message(fields, depth)
  local seen, chosen = {}, {}
  each(OBJECT, 125, depth, function()
    local name = read_text()
    local field = fields[name]
    if field == nil then
      refuse("There is no such field here. Check its name.", here(name))
    end
    path[#path + 1] = field.name
    if seen[field] then
      refuse("This field appears twice.", here())
    end
    seen[field] = true
    expect(58)
    if read_field(field, depth + 1) and field.oneof ~= nil then
      if chosen[field.oneof] ~= nil then
        refuse("Only one of " .. chosen[field.oneof] .. " and " .. field.name .. " can be set.", here())
      end
      chosen[field.oneof] = field.name
    end
    path[#path] = nil
  end)
end

local function require_enum(names, value)
  if not names[value] then
    refuse("There is no such value here. Check its spelling.", here())
  end
end

function read_value(field, depth)
  local first = next_byte()
  if field.any then
    read_anything(depth)
  elseif field.message ~= nil then
    if first ~= OBJECT then
      refuse("This must be an object.", here())
    end
    read_message(MESSAGES[field.message], depth)
  elseif first == OBJECT or first == LIST then
    refuse("This must be a single value.", here())
  elseif first ~= QUOTE then
    read_literal()
  elseif field.enum ~= nil then
    require_enum(ENUMS[field.enum], read_text())
  else
    read_string()
  end
end

-- Checks a query parameter, such as `filter.state`, and its value.
local function read_parameter(fields, name, value, seen)
  local field
  for part in name:gmatch("[^.]+") do
    field = fields ~= nil and fields[part] or nil
    if field == nil then
      refuse("There is no such field here. Check the name of the parameter.", name)
    end
    fields = not field.repeated and not field.map and MESSAGES[field.message or ""] or nil
  end
  if field == nil then
    refuse("There is no such field here. Check the name of the parameter.", name)
  end
  if seen[field] and not field.repeated then
    refuse("This field appears twice.", name)
  end
  seen[field] = true
  if field.enum ~= nil and not ENUMS[field.enum][value] and not find(value, "^%-?%d+$") then
    refuse("There is no such value here. Check its spelling.", name)
  end
end

local function unquote(part)
  return (part:gsub("+", " "):gsub("%%(%x%x)", function(code) return string.char(tonumber(code, 16)) end))
end

local function read_query(fields, query)
  local seen = {}
  for part in query:gmatch("[^&]+") do
    step()
    local name, value = part:match("^([^=]*)=?(.*)$")
    read_parameter(fields, unquote(name), unquote(value), seen)
  end
end

local function read_body(method)
  if next_byte() == nil then
    return  -- a missing body means an empty message
  end
  if method.streaming and next_byte() == LIST then
    each(LIST, 93, 1, function(number)
      path[1] = number
      read_message(MESSAGES[method.message], 2)
      path[1] = nil
    end)
  else
    read_message(MESSAGES[method.message], 1)
  end
  if next_byte() ~= nil then
    refuse()
  end
end

-- Escapes text from a client for use inside a JSON string.
local function quoted(value)
  local printable = value:sub(1, 200):gsub("[^\32-\126]", "?"):gsub('[\\"]', "\\%0")
  return '"' .. printable .. '"'
end

-- Returns the error as JSON, in the same form as a service's error for an invalid field.
local function status_of(refusal)
  local message, info, fields = quoted(refusal.description), REASON .. "}", ""
  if refusal.field ~= nil then
    message = quoted(refusal.field .. ": " .. refusal.description)
    info = REASON .. ',"metadata":{"field":' .. quoted(refusal.field) .. "}}"
    fields = ',{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":'
      .. quoted(refusal.field) .. ',"description":' .. quoted(refusal.description) .. "}]}"
  end
  return '{"code":3,"message":' .. message .. ',"details":[' .. info
    .. ',{"@type":"type.googleapis.com/google.rpc.LocalizedMessage","locale":"en","message":' .. message .. "}" .. fields .. "]}"
end

local function check(method, query, body)
  text, at, steps, path = body, 1, 0, {}
  local ok, refusal = pcall(function()
    read_query(MESSAGES[method.message], query)
    read_body(method)
  end)
  text, path = nil, nil
  if not ok and type(refusal) ~= "table" then
    error(refusal, 0)
  end
  return not ok and refusal or nil
end

function envoy_on_request(handle)
  local metadata = handle:streamInfo():dynamicMetadata():get("proctorium") or {}
  if metadata.caller ~= "json" then
    return
  end
  local name, query = handle:headers():get(":path"):match("^([^?]*)%??(.*)$")
  local method = METHODS[name]
  if method == nil then
    return
  end
  local body = handle:body()
  local length = body ~= nil and body:length() or 0
  local refusal = check(method, query, length > 0 and body:getBytes(0, length) or "")
  if length > LARGE then
    collectgarbage()
  end
  if refusal == nil then
    return
  elseif refusal.description == nil then
    handle:respond({ [":status"] = "400" }, "")
  else
    -- With this value of `caller`, Envoy does not replace this response with one of the edge's own replies.
    handle:streamInfo():dynamicMetadata():set("proctorium", "caller", "answered")
    handle:respond({ [":status"] = "400", ["content-type"] = "application/json" }, status_of(refusal))
  end
end
