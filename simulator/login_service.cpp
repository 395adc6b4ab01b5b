#include "simulator/login_service.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>

#include "simulator/certificates.h"
#include "simulator/directory.h"
#include "simulator/ids.h"
#include "simulator/json_out.h"

namespace spa::sim {
namespace {

constexpr std::string_view kGraphHosts[] = {"graph.microsoft.com", "graph.microsoft.us",
                                            "dod-graph.microsoft.us",
                                            "microsoftgraph.chinacloudapi.cn"};
constexpr int kClockSkew = 300;  // seconds

nlohmann::json ReadPart(std::string_view part) {
  const auto text = FromBase64(part);
  return text ? nlohmann::json::parse(*text, nullptr, false)
              : nlohmann::json(nlohmann::json::value_t::discarded);
}

std::string TextOf(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::int64_t NumberOf(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<std::int64_t>() : 0;
}

bool IsDomain(std::string_view text) {
  return text.find('.') != std::string_view::npos &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-';
         });
}

}  // namespace

LoginService::LoginService(const TenantSpec& spec) : spec_(spec), signing_key_(32, '\0') {
  RAND_bytes(reinterpret_cast<unsigned char*>(signing_key_.data()), 32);
}

void LoginService::Register(const std::string& certificate_pem) {
  const Thumbprints prints = ThumbprintsOf(certificate_pem);
  const std::lock_guard lock(mutex_);
  keys_.push_back({certificate_pem, prints.sha1, prints.sha256});
}

void LoginService::Reset() {
  const std::lock_guard lock(mutex_);
  seen_assertions_.clear();
}

Response LoginService::Refuse(int status, int number, std::string_view error,
                              std::string_view text) const {
  const std::string trace = Text(MakeGuid(HashText(text)));
  const std::string time = TimeStamp();
  Response response;
  response.status = status;
  response.family = Family::kLogin;
  response.route = "login token";
  JsonOut json(response.body);
  json.Open('{').Field("error", error);
  json.Field("error_description",
             fmt::format("AADSTS{}: {} Trace ID: {} Correlation ID: {} Timestamp: {}Z", number,
                         text, trace, trace, time));
  json.Open("error_codes", '[');
  json.raw() += std::to_string(number);
  json.Close(']').Field("timestamp", time).Field("trace_id", trace).Field("correlation_id", trace);
  json.Close('}');
  return response;
}

// Tokens for Microsoft's own Graph host or the tenant's SharePoint hosts are good there alone; the
// simulator's own origin is both, unless the two have hosts of their own.
std::string LoginService::AudienceOf(const Request& request, std::string_view resource) const {
  std::string host = Lower(resource);
  if (const auto scheme = host.find("://"); scheme != std::string::npos) host.erase(0, scheme + 3);
  host.resize(std::min(host.size(), host.find('/')));
  for (auto graph : kGraphHosts) {
    if (host == graph) return "graph";
  }
  const auto dot = spec_.host.find('.');
  for (const char* kind : {"", "-my", "-admin"}) {
    if (host == spec_.host.substr(0, dot) + kind + spec_.host.substr(dot)) return "sharepoint";
  }
  const std::string own(request.Header("host"));
  const std::string port = own.substr(std::min(own.size(), own.rfind(':')));
  const bool loopback = host == "127.0.0.1" + port || host == "localhost" + port;
  if (!loopback) return "";
  if (!spec_.wire.separate_sharepoint_host) return "origin";
  return host.starts_with("localhost") ? "sharepoint" : "graph";
}

Response LoginService::Token(const Request& request, std::string_view tenant) {
  auto form = ParseQuery(request.body, true);
  if (request.Header("authorization").starts_with("Basic ")) {
    const auto plain = FromBase64(request.Header("authorization").substr(6)).value_or("");
    const auto colon = plain.find(':');
    if (colon != std::string::npos) {
      form["client_id"] = PercentDecode(plain.substr(0, colon));
      form["client_secret"] = PercentDecode(plain.substr(colon + 1));
    }
  }
  if (request.method != "POST") {
    return Refuse(400, 900561, "invalid_request", "The endpoint only accepts POST requests.");
  }
  if (!ParseGuid(tenant) && !IsDomain(tenant)) {
    return Refuse(400, 900023, "invalid_request",
                  fmt::format("Specified tenant identifier '{}' is neither a valid DNS name, nor a "
                              "valid external domain.",
                              tenant));
  }
  const std::string wanted = Lower(tenant);
  if (wanted != spec_.tenant_id && wanted != spec_.domain && wanted != spec_.initial_domain) {
    return Refuse(400, 90002, "invalid_request", fmt::format("Tenant '{}' not found.", tenant));
  }
  for (const char* field : {"grant_type", "client_id", "scope"}) {
    if (form[field].empty()) {
      return Refuse(
          400, 900144, "invalid_request",
          fmt::format("The request body must contain the following parameter: '{}'.", field));
    }
  }
  if (form["grant_type"] != "client_credentials") {
    return Refuse(400, 70003, "unsupported_grant_type", "The grant type is not supported.");
  }
  if (Lower(form["client_id"]) != spec_.client_id) {
    return Refuse(400, 700016, "unauthorized_client",
                  fmt::format("Application with identifier '{}' was not found in the directory.",
                              form["client_id"]));
  }
  std::string resource = form["scope"];
  if (!resource.ends_with("/.default")) {
    return Refuse(400, 1002012, "invalid_scope",
                  fmt::format("The provided value for scope {} is not valid. Client credential "
                              "flows must have a scope value with /.default suffixed to the "
                              "resource identifier.",
                              resource));
  }
  resource.resize(resource.size() - 9);
  const std::string audience = AudienceOf(request, resource);
  if (audience.empty()) {
    return Refuse(
        400, 500011, "invalid_resource",
        fmt::format("The resource principal named {} was not found in the tenant.", resource));
  }
  bool by_secret = false;
  if (!form["client_assertion"].empty()) {
    if (form["client_assertion_type"] != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer") {
      return Refuse(400, 900144, "invalid_request",
                    "The request body must contain the following parameter: "
                    "'client_assertion_type'.");
    }
    if (auto refused = CheckAssertion(request, form["client_assertion"])) return *refused;
  } else if (!form["client_secret"].empty()) {
    if (form["client_secret"] != spec_.client_secret) {
      return Refuse(401, 7000215, "invalid_client",
                    "Invalid client secret provided. Ensure the secret being sent in the request "
                    "is the client secret value, not the client secret ID.");
    }
    if (spec_.wire.secret_expired) {
      return Refuse(401, 7000222, "invalid_client",
                    fmt::format("The provided client secret keys for app '{}' are expired.",
                                spec_.client_id));
    }
    by_secret = true;
  } else {
    return Refuse(401, 7000218, "invalid_client",
                  "The request body must contain the following parameter: 'client_assertion' or "
                  "'client_secret'.");
  }
  Response response;
  response.family = Family::kLogin;
  response.route = "login token";
  JsonOut json(response.body);
  json.Open('{').Field("token_type", "Bearer").Field("expires_in", spec_.wire.token_lifetime);
  json.Field("ext_expires_in", spec_.wire.token_lifetime);
  json.Field("access_token", Issue(audience, resource, by_secret)).Close('}');
  return response;
}

std::optional<Response> LoginService::CheckAssertion(const Request& request,
                                                     const std::string& assertion) {
  const auto first = assertion.find('.');
  const auto second = assertion.find('.', first + 1);
  const auto header = ReadPart(assertion.substr(0, first));
  const bool three = first != std::string::npos && second != std::string::npos;
  const auto claims = three ? ReadPart(assertion.substr(first + 1, second - first - 1)) : header;
  if (!three || !header.is_object() || !claims.is_object()) {
    return Refuse(400, 50027, "invalid_request", "JWT token is invalid or malformed.");
  }
  const std::int64_t now = std::time(nullptr);
  const bool in_time = NumberOf(claims, "nbf") <= now + kClockSkew && NumberOf(claims, "exp") > now;
  const std::string issuer = TextOf(claims, "iss"), subject = TextOf(claims, "sub");
  const std::string sha1 = TextOf(header, "x5t"), sha256 = TextOf(header, "x5t#S256");
  if (sha1.empty() && sha256.empty()) {  // Federated: an outside issuer vouches.
    if (issuer != spec_.federated_issuer) {
      return Refuse(401, 700211, "invalid_client",
                    fmt::format("No matching federated identity record found for presented "
                                "assertion issuer '{}'.",
                                issuer));
    }
    if (subject != spec_.federated_subject) {
      return Refuse(401, 700213, "invalid_client",
                    fmt::format("No matching federated identity record found for presented "
                                "assertion subject '{}'.",
                                subject));
    }
    if (!in_time) {
      return Refuse(401, 700024, "invalid_client",
                    "Client assertion is not within its valid time range.");
    }
    return std::nullopt;
  }
  const std::lock_guard lock(mutex_);
  const auto key = std::find_if(keys_.begin(), keys_.end(), [&](const Key& candidate) {
    return sha256.empty() ? candidate.sha1 == sha1 : candidate.sha256 == sha256;
  });
  const auto signature = FromBase64(assertion.substr(second + 1));
  if (key == keys_.end() || !signature ||
      !VerifySignature(key->pem, TextOf(header, "alg"), assertion.substr(0, second), *signature)) {
    return Refuse(401, 700027, "invalid_client",
                  "The certificate with identifier used to sign the client assertion is not "
                  "registered on application, or the signature is not valid.");
  }
  if (issuer != spec_.client_id || subject != spec_.client_id) {
    return Refuse(401, 700021, "invalid_client",
                  "Client assertion issuer and subject must be the application id.");
  }
  const std::string endpoint = request.Origin() + request.path;
  if (TextOf(claims, "aud") != endpoint) {
    return Refuse(401, 700023, "invalid_client",
                  fmt::format("Client assertion audience claim does not match '{}'.", endpoint));
  }
  if (!in_time) {
    return Refuse(401, 700024, "invalid_client",
                  fmt::format("Client assertion is not within its valid time range. Current time: "
                              "{}Z.",
                              TimeStamp()));
  }
  const std::string jti = TextOf(claims, "jti");
  if (jti.empty() || !seen_assertions_.insert(jti).second) {
    return Refuse(401, 700027, "invalid_client", "Client assertion has been used before.");
  }
  return std::nullopt;
}

std::string LoginService::Issue(const std::string& audience, std::string_view resource,
                                bool by_secret) {
  const std::int64_t now = std::time(nullptr);
  std::string claims;
  JsonOut json(claims);
  json.Open('{')
      .Field("aud", resource)
      .Field("iss", fmt::format("https://sts.windows.net/{}/", spec_.tenant_id));
  json.Field("iat", now).Field("nbf", now).Field("exp", now + spec_.wire.token_lifetime);
  json.Field("appid", spec_.client_id).Field("appidacr", by_secret ? "1" : "2");
  json.Field("idtyp", "app").Field("tid", spec_.tenant_id).Field("ver", "1.0");
  if (!spec_.wire.roles.empty()) {
    json.Open("roles", '[');
    for (const auto& role : spec_.wire.roles) json.String(role);
    json.Close(']');
  }
  const std::lock_guard lock(mutex_);
  json.Field("uti", Base64Url(fmt::format("token {}", ++count_))).Close('}');
  const std::string text = Base64Url(R"({"typ":"JWT","alg":"HS256"})") + "." + Base64Url(claims);
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(EVP_sha256(), signing_key_.data(), static_cast<int>(signing_key_.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac, &size);
  std::string token = text + "." + Base64Url({reinterpret_cast<const char*>(mac), size});
  issued_[token] = {audience, by_secret, now + spec_.wire.token_lifetime};
  return token;
}

Bearer LoginService::Check(const Request& request, bool sharepoint) {
  const std::string_view header = request.Header("authorization");
  if (!header.starts_with("Bearer ")) return Bearer::kMissing;
  const std::lock_guard lock(mutex_);
  const auto found = issued_.find(std::string(header.substr(7)));
  if (found == issued_.end()) return Bearer::kUnknown;
  const Issued& token = found->second;
  if (token.expires <= std::time(nullptr)) return Bearer::kExpired;
  if (token.audience != "origin" && (token.audience == "sharepoint") != sharepoint) {
    return Bearer::kWrongAudience;
  }
  if (sharepoint && token.by_secret) return Bearer::kSecretMade;
  return spec_.wire.roles.empty() ? Bearer::kNoRoles : Bearer::kGood;
}

// graph.md 1.6: every value a string.
Response LoginService::ManagedIdentity(const Request& request, bool app_service) {
  Response response;
  response.family = Family::kLogin;
  response.route = app_service ? "login app service" : "login imds";
  JsonOut json(response.body);
  const char* header = app_service ? "x-identity-header" : "metadata";
  if (request.Header(header).empty()) {
    response.status = 400;
    json.Open('{').Field("error", "invalid_request");
    json.Field("error_description", "bad_request_102: Required metadata header not specified");
    json.Close('}');
    return response;
  }
  const std::string resource(request.Query("resource"));
  const std::string audience = AudienceOf(request, resource);
  if (audience.empty() || !request.HasQuery("api-version")) {
    response.status = 400;
    json.Open('{').Field("error", "invalid_resource");
    json.Field("error_description", "AADSTS500011: The resource principal was not found.");
    json.Close('}');
    return response;
  }
  const std::int64_t now = std::time(nullptr);
  json.Open('{').Field("access_token", Issue(audience, resource, false)).Field("refresh_token", "");
  json.Field("expires_in", std::to_string(spec_.wire.token_lifetime));
  json.Field("expires_on", std::to_string(now + spec_.wire.token_lifetime));
  json.Field("not_before", std::to_string(now)).Field("resource", resource);
  json.Field("token_type", "Bearer").Close('}');
  return response;
}

}  // namespace spa::sim
