-- What a client may say about itself, and how a browser's cookie becomes a token.

-- COOKIE_PREFIX is "__Host-" where clients come by HTTPS: a browser takes such a cookie from this host alone. Without it none counts there.
local TOKEN = COOKIE_PREFIX .. "proctorium_token"
local REFRESH = COOKIE_PREFIX .. "proctorium_refresh"
local DEVICE = COOKIE_PREFIX .. "proctorium_device"
local ACCOUNTS = "/proctorium.enrollment.v1.AccountService/"

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

-- What the cookies say: nothing where another site sends them along. A name that comes twice counts as the browser orders them.
local function cookies_of(headers)
  local found = {}
  local cookies = headers:get("cookie")
  if cookies ~= nil and is_from_here(headers) then
    for name, value in cookies:gmatch("([^=;%s]+)=([^;]*)") do
      if found[name] == nil and not value:find("[^\33-\126]") then
        found[name] = value
      end
    end
  end
  return found
end

-- The refresh token and the device cookie go to the one service that takes them, the access token becomes a header, and all others are
-- removed.
local function pass_cookies(headers, path, cookies)
  local passed = {}
  if path:sub(1, #ACCOUNTS) == ACCOUNTS then
    for _, name in ipairs({ REFRESH, DEVICE }) do
      if cookies[name] ~= nil then
        passed[#passed + 1] = name .. "=" .. cookies[name]
      end
    end
  end
  if #passed > 0 then
    headers:replace("cookie", table.concat(passed, "; "))
  else
    headers:remove("cookie")
  end
end

-- The name of the scheme may be written in any case (RFC 9110); the check of tokens knows one.
local function write_scheme(headers)
  local authorization = headers:get("authorization")
  if authorization ~= nil and authorization:sub(1, 7):lower() == "bearer " then
    headers:replace("authorization", "Bearer " .. authorization:sub(8))
  end
end

local function bear_token(headers, path)
  write_scheme(headers)
  local cookies = cookies_of(headers)
  pass_cookies(headers, path, cookies)
  local token = cookies[TOKEN] or ""
  if headers:get("authorization") == nil and token ~= "" then
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

-- A form of any site can send text that reads as JSON, but cannot say that it is JSON.
local function is_json(headers)
  local content = (headers:get("content-type") or ""):lower()
  return content:match("^application/json%s*$") ~= nil or content:match("^application/json%s*;") ~= nil
end

function envoy_on_request(handle)
  local headers = handle:headers()
  strip_claims(headers)
  local path = headers:get(":path") or "/"
  if path:sub(1, #SERVICES) == SERVICES then
    bear_token(headers, path)
    keep_readable(headers)
  end
  local caller = caller_of(path, headers)
  handle:streamInfo():dynamicMetadata():set("proctorium", "caller", caller)
  handle:streamInfo():dynamicMetadata():set("proctorium", "method", name_of(path, headers:get(":method") or ""))
  if caller == "json" and headers:get(":method") == "POST" and not is_json(headers) then
    handle:respond({ [":status"] = "415" }, "")
  end
end
