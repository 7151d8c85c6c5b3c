-- What a client may say about itself, and how a browser's cookie becomes a token.

local TOKEN = "proctorium_token"

local SERVICES = "/proctorium."

-- Headers that services believe because only the edge and other services can send them.
local function strip_claims(headers)
  local claims = {}
  for name, _ in pairs(headers) do
    if name:sub(1, 13) == "x-proctorium-" or name == "x-forwarded-client-cert" then
      claims[#claims + 1] = name
    end
  end
  for _, name in ipairs(claims) do
    headers:remove(name)
  end
end

-- The headers that a call may bring, each with its greatest length; all others stop here. A service's gRPC library gives up on the whole
-- connection, which all callers share, when it cannot read one header of one call: a deadline without a unit, a name that ends in -bin
-- with a value that is no base64, more than 8 KiB in all. What is listed here is either read by a filter behind this one or by a service.
local LONGEST = {
  [":authority"] = 255, [":method"] = 16, [":path"] = 4096, [":scheme"] = 8,
  ["accept"] = 255, ["content-length"] = 20, ["content-type"] = 64, ["transfer-encoding"] = 32, ["te"] = 8,
  ["grpc-timeout"] = 9, ["grpc-encoding"] = 16, ["grpc-accept-encoding"] = 64, ["x-grpc-web"] = 8,
  ["authorization"] = 2560, ["cookie"] = 2560, ["origin"] = 255, ["sec-fetch-site"] = 16,
  ["traceparent"] = 64, ["tracestate"] = 512,
  ["x-forwarded-proto"] = 8,  -- Envoy's own; it finds no route without
}
local READABLE = {
  ["grpc-timeout"] = "^%d+[HMSmun]$",
  ["grpc-accept-encoding"] = "^[%l, ]+$",
  ["te"] = "^trailers$",
}

local ENCODINGS = { identity = true, gzip = true, deflate = true }

local function is_readable(name, value)
  local longest = LONGEST[name]
  if longest == nil or #value > longest or value:find("[^\32-\126]") then
    return false
  end
  if name == "grpc-encoding" then
    return ENCODINGS[value] ~= nil
  end
  return READABLE[name] == nil or value:find(READABLE[name]) ~= nil
end

-- Pseudo-headers are Envoy's to refuse, and cannot be removed.
local function keep_readable(headers)
  local unreadable, seen = {}, {}
  for name, value in pairs(headers) do
    if seen[name] or not is_readable(name, value) then
      unreadable[#unreadable + 1] = name
    end
    seen[name] = true
  end
  for _, name in ipairs(unreadable) do
    if name:sub(1, 1) ~= ":" then
      headers:remove(name)
    end
  end
end

-- A cookie comes along with whatever any page sends here, so it counts only for our own pages and for what is typed.
local function is_from_here(headers)
  local site = headers:get("sec-fetch-site")
  return site == nil or site == "same-origin" or site == "none"
end

-- Other sites of the same domain may have set many, which are nobody's business here and too long for gRPC.
local function keep_own_cookies(headers, cookies)
  local own = {}
  for name, value in cookies:gmatch("([^=;%s]+)=([^;]*)") do
    if name:sub(1, 11) == "proctorium_" and not value:find("[^\32-\126]") then
      own[#own + 1] = name .. "=" .. value
    end
  end
  if #own == 0 then
    headers:remove("cookie")
  else
    headers:replace("cookie", table.concat(own, "; "))
  end
end

local function token_of(cookies)
  for name, value in cookies:gmatch("([^=;%s]+)=([^;%s]*)") do
    if name == TOKEN and value ~= "" then
      return value
    end
  end
  return nil
end

-- The name of the scheme may be written in any case (RFC 9110); the check of tokens knows one.
local function write_scheme(headers)
  local authorization = headers:get("authorization")
  if authorization ~= nil and authorization:sub(1, 7):lower() == "bearer " then
    headers:replace("authorization", "Bearer " .. authorization:sub(8))
  end
end

local function bear_token(headers)
  write_scheme(headers)
  local cookies = headers:get("cookie")
  if cookies == nil then
    return
  end
  keep_own_cookies(headers, cookies)
  if headers:get("authorization") ~= nil or not is_from_here(headers) then
    return
  end
  local token = token_of(cookies)
  if token ~= nil then
    headers:add("authorization", "Bearer " .. token)
  end
end

-- For the access log and the spans: the name of a method says nothing about a person, the rest of a page's path may.
local function name_of(path, verb)
  if path:sub(1, #SERVICES) == SERVICES then
    return path:match("^/([^?]*)"):sub(1, 120)
  end
  return verb .. " " .. path:match("^/[^/?]*"):sub(1, 40)
end

-- How somebody speaks, noted before other filters make gRPC of everything: an answer of the edge's own has to fit (local_reply_config).
local function caller_of(path, headers)
  local content = headers:get("content-type") or ""
  if content:sub(1, 20) == "application/grpc-web" then
    return "grpc-web"
  end
  if content:sub(1, 16) == "application/grpc" then
    return "grpc"
  end
  return path:sub(1, #SERVICES) == SERVICES and "json" or "page"
end

function envoy_on_request(handle)
  local headers = handle:headers()
  strip_claims(headers)
  local path = headers:get(":path") or "/"
  if path:sub(1, #SERVICES) == SERVICES then
    bear_token(headers)
    keep_readable(headers)
  end
  handle:streamInfo():dynamicMetadata():set("proctorium", "caller", caller_of(path, headers))
  handle:streamInfo():dynamicMetadata():set("proctorium", "method", name_of(path, headers:get(":method") or ""))
end
