-- Removes headers that clients may not set, and converts a browser's cookie into a token.

-- When clients use HTTPS, COOKIE_PREFIX is "__Host-", and cookies without this prefix are ignored. Browsers accept a cookie with this prefix
-- only from the host itself, so no other host in the domain can set such a cookie.
local TOKEN = COOKIE_PREFIX .. "proctorium_token"
local REFRESH = COOKIE_PREFIX .. "proctorium_refresh"
local DEVICE = COOKIE_PREFIX .. "proctorium_device"
local ACCOUNTS = "/proctorium.enrollment.v1.AccountService/"

local SERVICES = "/proctorium."

-- Removes headers that services trust. Only the edge and other services may send these headers.
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

-- The headers that a later filter or a service uses, with their maximum lengths. All other headers are removed from a
-- call. The reason is that a service's gRPC library closes the whole connection, which all callers share, if it cannot
-- parse the headers of one call. Examples of such headers are a deadline without a unit, a name that ends in -bin with
-- a value that is not base64, and headers of more than 8 KiB in total.
local MAX_LENGTHS = {
  [":authority"] = 255, [":method"] = 16, [":path"] = 4096, [":scheme"] = 8,
  ["accept"] = 255, ["content-length"] = 20, ["content-type"] = 64, ["transfer-encoding"] = 32, ["te"] = 8,
  ["grpc-timeout"] = 9, ["grpc-encoding"] = 16, ["grpc-accept-encoding"] = 64, ["x-grpc-web"] = 8,
  ["authorization"] = 2560, ["cookie"] = 2560, ["origin"] = 255, ["sec-fetch-site"] = 16,
  ["traceparent"] = 64, ["tracestate"] = 512,
  ["x-forwarded-proto"] = 8,  -- set by Envoy, which needs this header to find a route
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

-- Removes headers that `is_readable` refuses, and repeated headers. Pseudo-headers are not removed, because Envoy itself refuses invalid pseudo-headers.
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

-- Returns whether the cookies of the request are accepted. They are accepted only if the request comes from Proctorium's pages or from the
-- address bar, because a browser may also send cookies with requests from pages of other sites.
local function is_from_own_page(headers)
  local site = headers:get("sec-fetch-site")
  return site == nil or site == "same-origin" or site == "none"
end

-- Returns a table of the cookies' values by name. For a request from another site, the table is empty. If several cookies have the same name,
-- the table contains the first of them.
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

-- Changes the scheme of the authorization header to `Bearer`. A client may write the scheme in any case (RFC 9110), but the filter that
-- verifies tokens accepts only `Bearer`.
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

-- Returns the name of the request for the access log and the spans. For a call, this is the name of the method. For a page, this is the verb
-- and the first part of the path. The rest of the path is left out, because it may identify a person.
local function name_of(path, verb)
  if path:sub(1, #SERVICES) == SERVICES then
    return path:match("^/([^?]*)"):sub(1, 120)
  end
  return verb .. " " .. path:match("^/[^/?]*"):sub(1, 40)
end

-- Returns the client's protocol, which determines the form of the edge's errors (local_reply_config). This function must run before the
-- filters that convert all calls to gRPC.
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

-- Returns whether the content type is JSON. The check prevents attacks by forms of other sites, because a form can send text that is valid JSON,
-- but cannot set this content type.
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
