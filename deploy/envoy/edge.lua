-- Removes headers that clients may not set, and converts a browser's cookie into a token.

-- COOKIE_PREFIX is "__Host-" when clients use HTTPS: browsers accept such cookies only from this host. Cookies without it are then ignored.
local TOKEN = COOKIE_PREFIX .. "proctorium_token"
local REFRESH = COOKIE_PREFIX .. "proctorium_refresh"
local DEVICE = COOKIE_PREFIX .. "proctorium_device"
local ACCOUNTS = "/proctorium.enrollment.v1.AccountService/"

local SERVICES = "/proctorium."

-- Removes headers that services trust because only the edge and other services can send them.
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

-- The headers that a call may have, with their maximum lengths; all others are removed. A service's gRPC library closes the whole
-- connection, which all callers share, when it cannot parse one header of one call: a deadline without a unit, a name that ends in -bin
-- with a value that is not base64, more than 8 KiB in total. Each header of the list is used by a later filter or by a service.
local MAX_LENGTHS = {
  [":authority"] = 255, [":method"] = 16, [":path"] = 4096, [":scheme"] = 8,
  ["accept"] = 255, ["content-length"] = 20, ["content-type"] = 64, ["transfer-encoding"] = 32, ["te"] = 8,
  ["grpc-timeout"] = 9, ["grpc-encoding"] = 16, ["grpc-accept-encoding"] = 64, ["x-grpc-web"] = 8,
  ["authorization"] = 2560, ["cookie"] = 2560, ["origin"] = 255, ["sec-fetch-site"] = 16,
  ["traceparent"] = 64, ["tracestate"] = 512,
  ["x-forwarded-proto"] = 8,  -- set by Envoy, which needs it to find a route
}
local READABLE = {
  ["grpc-timeout"] = "^%d+[HMSmun]$",
  ["grpc-accept-encoding"] = "^[%l, ]+$",
  ["te"] = "^trailers$",
}

local ENCODINGS = { identity = true, gzip = true, deflate = true }

local function is_readable(name, value)
  local max_length = MAX_LENGTHS[name]
  if max_length == nil or #value > max_length or value:find("[^\32-\126]") then
    return false
  end
  if name == "grpc-encoding" then
    return ENCODINGS[value] ~= nil
  end
  return READABLE[name] == nil or value:find(READABLE[name]) ~= nil
end

-- Removes headers that are not readable, except pseudo-headers, which Envoy itself refuses.
local function remove_unreadable(headers)
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

-- A browser sends cookies with the requests of any page, so they are accepted only from Proctorium's pages and from the address bar.
local function is_from_own_page(headers)
  local site = headers:get("sec-fetch-site")
  return site == nil or site == "same-origin" or site == "none"
end

-- Returns the cookies by name; none for requests from other sites. Of several cookies with one name, the browser's first is used.
local function cookies_of(headers)
  local found = {}
  local cookies = headers:get("cookie")
  if cookies ~= nil and is_from_own_page(headers) then
    for name, value in cookies:gmatch("([^=;%s]+)=([^;]*)") do
      if found[name] == nil and not value:find("[^\33-\126]") then
        found[name] = value
      end
    end
  end
  return found
end

-- Passes the refresh token and the device cookie to the account service, and removes all other cookies.
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

-- Normalises the case of the scheme, which is arbitrary (RFC 9110), because the token check accepts only one form.
local function normalise_scheme(headers)
  local authorization = headers:get("authorization")
  if authorization ~= nil and authorization:sub(1, 7):lower() == "bearer " then
    headers:replace("authorization", "Bearer " .. authorization:sub(8))
  end
end

local function set_authorization(headers, path)
  normalise_scheme(headers)
  local cookies = cookies_of(headers)
  pass_cookies(headers, path, cookies)
  local token = cookies[TOKEN] or ""
  if headers:get("authorization") == nil and token ~= "" then
    headers:add("authorization", "Bearer " .. token)
  end
end

-- For the access log and the spans: the name of a method identifies no person, but the rest of a page's path may.
local function name_of(path, verb)
  if path:sub(1, #SERVICES) == SERVICES then
    return path:match("^/([^?]*)"):sub(1, 120)
  end
  return verb .. " " .. path:match("^/[^/?]*"):sub(1, 40)
end

-- The client's protocol, recorded before other filters convert everything to gRPC, for the form of the edge's errors (local_reply_config).
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

-- A form of another site can send text that is valid JSON, but cannot set the content type of JSON.
local function is_json(headers)
  local content = (headers:get("content-type") or ""):lower()
  return content:match("^application/json%s*$") ~= nil or content:match("^application/json%s*;") ~= nil
end

function envoy_on_request(handle)
  local headers = handle:headers()
  strip_claims(headers)
  local path = headers:get(":path") or "/"
  if path:sub(1, #SERVICES) == SERVICES then
    set_authorization(headers, path)
    remove_unreadable(headers)
  end
  local caller = caller_of(path, headers)
  handle:streamInfo():dynamicMetadata():set("proctorium", "caller", caller)
  handle:streamInfo():dynamicMetadata():set("proctorium", "method", name_of(path, headers:get(":method") or ""))
  if caller == "json" and headers:get(":method") == "POST" and not is_json(headers) then
    handle:respond({ [":status"] = "415" }, "")
  end
end
