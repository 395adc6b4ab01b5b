#include "simulator/login_service.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <ctime>

#include "tests/simulator/simulator_client.h"

namespace spa::sim {
namespace {

// Signs as an application would, with knobs for everything that can be wrong.
struct Assertion {
  std::string algorithm = "PS256";
  nlohmann::json header, claims;

  Assertion(const KeyPair& pair, const SimulatorClient& client) : key_pem(pair.key_pem) {
    header = {{"typ", "JWT"}, {"x5t#S256", ThumbprintsOf(pair.certificate_pem).sha256}};
    const auto now = static_cast<std::int64_t>(std::time(nullptr));
    claims = {{"aud", SimulatorClient::kOrigin + client.TokenPath()},
              {"iss", client.tenant.spec().client_id},
              {"sub", client.tenant.spec().client_id},
              {"jti", "one"},
              {"nbf", now},
              {"iat", now},
              {"exp", now + 600}};
  }

  std::string Sign() const {
    nlohmann::json full = header;
    full["alg"] = algorithm;
    const std::string text = Base64Url(full.dump()) + "." + Base64Url(claims.dump());
    BIO* bio = BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size()));
    EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
    EVP_MD_CTX* digest = EVP_MD_CTX_new();
    EVP_PKEY_CTX* context = nullptr;
    EVP_DigestSignInit(digest, &context, EVP_sha256(), nullptr, key);
    if (algorithm == "PS256") {
      EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING);
      EVP_PKEY_CTX_set_rsa_pss_saltlen(context, 32);
    }
    std::string signature(512, '\0');
    std::size_t size = signature.size();
    EVP_DigestSign(digest, reinterpret_cast<unsigned char*>(signature.data()), &size,
                   reinterpret_cast<const unsigned char*>(text.data()), text.size());
    signature.resize(size);
    EVP_MD_CTX_free(digest);
    EVP_PKEY_free(key);
    BIO_free(bio);
    return text + "." + Base64Url(signature);
  }

  std::string key_pem;
};

std::string Form(const std::string& assertion) {
  return "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&"
         "client_assertion=" +
         assertion;
}

int ErrorNumber(const Response& response) {
  return nlohmann::json::parse(response.body).at("error_codes").at(0);
}

const KeyPair& Registered() {
  static const KeyPair pair = MakeSelfSigned("registered");
  return pair;
}

}  // namespace

TEST_CASE("A good assertion gets a token, whatever its algorithm and thumbprint") {
  SimulatorClient client;
  client.service.login().Register(Registered().certificate_pem);
  Assertion modern(Registered(), client), older(Registered(), client);
  older.algorithm = "RS256";
  older.header = {{"typ", "JWT"}, {"x5t", ThumbprintsOf(Registered().certificate_pem).sha1}};
  older.claims["jti"] = "two";

  REQUIRE(client.PostToken(Form(modern.Sign())).status == 200);
  REQUIRE(client.PostToken(Form(older.Sign())).status == 200);
}

TEST_CASE("Each flaw of an assertion is refused with its own number") {
  SimulatorClient client;
  client.service.login().Register(Registered().certificate_pem);
  const auto now = static_cast<std::int64_t>(std::time(nullptr));
  auto refused = [&](auto spoil) {
    Assertion assertion(Registered(), client);
    spoil(assertion);
    return ErrorNumber(client.PostToken(Form(assertion.Sign())));
  };

  CHECK(refused([](Assertion& a) { a.claims["aud"] = "https://elsewhere/token"; }) == 700023);
  CHECK(refused([](Assertion& a) { a.claims["iss"] = "somebody"; }) == 700021);
  CHECK(refused([](Assertion& a) { a.claims["sub"] = "somebody"; }) == 700021);
  CHECK(refused([&](Assertion& a) { a.claims["exp"] = now - 1; }) == 700024);
  CHECK(refused([&](Assertion& a) { a.claims["nbf"] = now + 3600; }) == 700024);
  CHECK(refused([](Assertion& a) { a.header["x5t#S256"] = "unknown"; }) == 700027);
  CHECK(refused([](Assertion& a) { a.key_pem = MakeSelfSigned("other").key_pem; }) == 700027);
  CHECK(refused([](Assertion& a) { a.claims.erase("jti"); }) == 700027);
  CHECK(ErrorNumber(client.PostToken(Form("not.a.jwt"))) == 50027);
  CHECK(ErrorNumber(client.PostToken(Form("nonsense"))) == 50027);
}

TEST_CASE("An assertion is good once") {
  SimulatorClient client;
  client.service.login().Register(Registered().certificate_pem);
  const std::string assertion = Assertion(Registered(), client).Sign();

  REQUIRE(client.PostToken(Form(assertion)).status == 200);
  REQUIRE(ErrorNumber(client.PostToken(Form(assertion))) == 700027);
}

TEST_CASE("Token requests fail with the number their mistake has") {
  SimulatorClient client, expired(SmallSpec({"wire.secret_expired=true"}));
  const std::string id = client.tenant.spec().client_id;
  auto post = [&](const std::string& tenant, const std::string& form) {
    return ErrorNumber(client.Send("POST", "/" + tenant + "/oauth2/v2.0/token", form));
  };
  const std::string good = "grant_type=client_credentials&" + client.Secret() +
                           "&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default&client_id=";

  CHECK(ErrorNumber(client.PostToken("client_secret=wrong")) == 7000215);
  CHECK(ErrorNumber(expired.PostToken(expired.Secret())) == 7000222);
  CHECK(ErrorNumber(client.PostToken("")) == 7000218);
  CHECK(ErrorNumber(client.PostToken(client.Secret(), "nobody.example")) == 500011);
  CHECK(post("not a tenant", good + id) == 900023);
  CHECK(post("other.example", good + id) == 90002);
  CHECK(post(client.tenant.spec().tenant_id, good + "another-app") == 700016);
  CHECK(post(client.tenant.spec().tenant_id, "client_id=" + id) == 900144);
  CHECK(post(client.tenant.spec().tenant_id,
             "grant_type=client_credentials&scope=User.Read&client_id=" + id) == 1002012);
}

TEST_CASE("Tokens are good for their own service, and SharePoint refuses secret-made ones") {
  SimulatorClient client;
  const std::string web = "/_api/web?$select=Id";
  auto status = [&](const std::string& scope_host, const std::string& target) {
    const auto token =
        nlohmann::json::parse(client.PostToken(client.Secret(), scope_host).body)["access_token"];
    return client.Send("GET", target, "",
                       {{"authorization", "Bearer " + token.get<std::string>()}});
  };

  CHECK(status("graph.microsoft.com", "/v1.0/sites/root").status == 200);
  CHECK(status("graph.microsoft.com", web).status == 401);
  CHECK(status("fabrikam.sharepoint.com", "/v1.0/sites/root").status == 401);
  CHECK(status("fabrikam.sharepoint.com", web).body.find("Unsupported app only token.") !=
        std::string::npos);
  CHECK(client.Rest(web).contains("Id"));
  CHECK(client.Send("GET", "/v1.0/sites/root").status == 401);
}

TEST_CASE("A token past its life and one without consent are refused in their own ways") {
  SimulatorClient expired(SmallSpec({"wire.token_lifetime=0"}));
  SimulatorClient bare(SmallSpec({"wire.roles=[]"}));

  REQUIRE(expired.Graph("/sites/root", 401)["error"]["code"] == "InvalidAuthenticationToken");
  REQUIRE(bare.Graph("/sites/root", 403)["error"]["code"] == "accessDenied");
}

}  // namespace spa::sim
