// The doctor before a whole simulated tenant: what fails is named, with what to do, by exit code.
#include <csignal>
#include <thread>

#include "tests/auth/token_server.h"
#include "tests/system/tenant.h"

namespace spa::testing {
namespace {

using nlohmann::json;

struct Checked {
  int exit = -1;
  std::vector<json> checks;
  std::string err;

  // The first check of that name, or of that name in that state.
  json Find(const std::string& name, const std::string& state = "") const {
    for (const json& check : checks) {
      if (check["name"] == name && (state.empty() || check["state"] == state)) return check;
    }
    return {};
  }
};

Checked Doctor(const Tenant& tenant, const Words& environment = {}) {
  Surroundings around;
  around.environment = environment;
  const Ended ended = Run({"doctor", "--json", "--config", tenant.config()}, around);
  INFO(ended.out << ended.err);
  const json document = json::parse(ended.out, nullptr, false);
  REQUIRE(document.is_object());
  Checked checked;
  checked.exit = ended.exit;
  checked.err = ended.err;
  CHECK(document["exit_code"] == ended.exit);
  for (const json& check : document["checks"]) {
    INFO(check.dump());
    // Whatever fails says what to do.
    if (check["state"] == "failed") CHECK(check["remedy"].is_string());
    checked.checks.push_back(check);
  }
  return checked;
}

bool Says(const json& check, const std::string& field, const std::string& part) {
  INFO(check.dump() << " should say " << part);
  return check.is_object() && check[field].is_string() &&
         check[field].get<std::string>().find(part) != std::string::npos;
}

}  // namespace

TEST_CASE(
    "Before a tenant that is well the doctor finds nothing, and says where each figure is from") {
  Tenant::Setup setup;
  setup.https = true;
  const Tenant tenant(setup);

  const Checked before = Doctor(tenant);
  tenant.Summary();
  const Checked after = Doctor(tenant);

  for (const Checked& checked : {before, after}) {
    CHECK(checked.exit == 0);
    for (const char* name :
         {"configuration", "certificate", "dns", "proxy", "tls", "network", "clock",
          "sign-in: Graph", "consent: sites", "call: Graph", "sign-in: SharePoint",
          "call: SharePoint", "throttling", "health", "database", "disk", "cache"}) {
      INFO(name);
      CHECK(checked.Find(name).is_object());
      CHECK(checked.Find(name, "failed").is_null());
    }
  }
  CHECK(Says(after.Find("tls"), "detail", "certificate of"));
  CHECK(Says(after.Find("throttling"), "detail", "a guess"));
  CHECK(Says(after.Find("database"), "detail", "schema"));
  CHECK(Says(after.Find("disk"), "detail", "a full run may need"));
}

TEST_CASE("Licences and the end of a secret are told by a tenant that lets us read them") {
  const Tenant tenant(
      "small", kSecret,
      {R"(wire.roles=["Sites.FullControl.All","GroupMember.Read.All","User.Read.All",)"
       R"("Organization.Read.All","Application.Read.All"])"});

  const Checked checked = Doctor(tenant);

  CHECK(checked.exit == 0);
  CHECK(Says(checked.Find("secret", "ok"), "detail", "2099-01-01"));
  CHECK(Says(checked.Find("throttling", "ok"), "detail", "licences with SharePoint"));
}

TEST_CASE("What the administrator has to consent to is named to the letter") {
  const Tenant none("small", kCertificate, {"wire.roles=[]"});
  const Checked closed = Doctor(none);
  CHECK(closed.exit == 4);
  CHECK(Says(closed.Find("consent: Microsoft Graph", "failed"), "remedy",
             "--api-permissions a82116e5-55eb-4c41-a434-62fe8a61c773=Role"));

  const Tenant some("small", kCertificate, {R"(wire.roles=["Sites.FullControl.All"])"});
  const Checked partly = Doctor(some);
  CHECK(partly.exit == 0);
  CHECK(Says(partly.Find("consent: groups", "warning"), "remedy",
             "98830695-27a2-44f7-8c18-0c3ebc9698f6=Role"));
  CHECK(Says(partly.Find("consent: users", "warning"), "remedy", "admin-consent"));
}

TEST_CASE("A wrong and an expired secret fail at sign-in with 4") {
  const Tenant wrong("small", kSecret);
  wrong.Configure({{"auth", {{"client_secret", "not-the-secret-at-all"}}}});
  const Tenant expired("small", kSecret, {"wire.secret_expired=true"});

  const Checked first = Doctor(wrong), second = Doctor(expired);

  CHECK(first.exit == 4);
  CHECK(first.Find("sign-in: Graph", "failed").is_object());
  CHECK(first.err.find("not-the-secret") == std::string::npos);
  CHECK(second.exit == 4);
  CHECK(Says(second.Find("sign-in: Graph", "failed"), "detail", "expired"));
}

TEST_CASE("A certificate nobody vouches for is shown with its issuer") {
  Tenant::Setup setup;
  setup.https = true;
  const Tenant tenant(setup);
  tenant.Configure({{"tls", {{"ca_file", nullptr}}}});

  const Checked checked = Doctor(tenant);

  CHECK(checked.exit == 5);
  CHECK(Says(checked.Find("tls", "failed"), "detail", "which is not trusted"));
  CHECK(Says(checked.Find("tls", "failed"), "detail", "CN="));
  CHECK(Says(checked.Find("tls", "failed"), "remedy", "tls.ca_file"));
}

TEST_CASE("A name without address and a port where nobody listens end with 5") {
  const Tenant tenant("small", kSecret);
  tenant.Configure({{"auth", {{"authority_host", "https://login.invalid"}}}});
  const Checked nowhere = Doctor(tenant);
  CHECK(nowhere.exit == 5);
  CHECK(Says(nowhere.Find("dns", "failed"), "detail", "login.invalid has no address"));

  tenant.Configure({{"auth", {{"authority_host", "http://127.0.0.1:1"}}}});
  const Checked closed = Doctor(tenant);
  CHECK(closed.exit == 5);
  CHECK(Says(closed.Find("connection", "failed"), "remedy", "firewall"));
}

TEST_CASE("A proxy that refuses is named with what it said") {
  asio::io_context io;
  TokenServer proxy(io, [](const ServedRequest&, std::size_t) { return ServedAnswer(403, ""); });
  std::thread serving([&io] {
    const auto stay = asio::make_work_guard(io);
    io.run();
  });
  const Tenant tenant("small", kSecret);
  tenant.Configure({{"auth", {{"authority_host", "https://login.microsoftonline.com"}}}});

  const Checked checked = Doctor(tenant, {"https_proxy=" + proxy.url(), "no_proxy="});
  const Checked silent = Doctor(tenant, {"https_proxy=http://127.0.0.1:1", "no_proxy="});
  io.stop();
  serving.join();

  CHECK(checked.exit == 5);
  CHECK(Says(checked.Find("proxy", "failed"), "detail",
             "refuses to connect to login.microsoftonline.com: HTTP 403"));
  CHECK(silent.exit == 5);
  CHECK(Says(silent.Find("proxy", "failed"), "detail", "http://127.0.0.1:1 does not answer"));
  for (const ServedRequest& request : proxy.requests()) CHECK(request.method == "CONNECT");
}

TEST_CASE("A clock that is far off is told from the answer of sign-in, and ends with 4") {
  asio::io_context io;
  TokenServer login(io, [](const ServedRequest&, std::size_t) {
    ServedAnswer answer(400, "{}");
    answer.headers = {"Date: Fri, 02 Jan 2026 03:04:05 GMT"};
    return answer;
  });
  std::thread serving([&io] {
    const auto stay = asio::make_work_guard(io);
    io.run();
  });
  const Tenant tenant("small", kSecret);
  tenant.Configure({{"auth", {{"authority_host", login.url()}}}});

  const Checked checked = Doctor(tenant);
  io.stop();
  serving.join();

  CHECK(checked.exit == 4);
  CHECK(Says(checked.Find("clock", "failed"), "detail", "ahead of the sign-in service"));
  CHECK(Says(checked.Find("clock", "failed"), "remedy", "set the clock"));
}

TEST_CASE(
    "A second level of the cache that does not answer is a warning, for an audit goes without") {
  const Tenant tenant("small", kSecret);
  tenant.Configure({{"cache", {{"l2", "redis://127.0.0.1:1"}}}});

  const Checked checked = Doctor(tenant);

  CHECK(checked.exit == 0);
  CHECK(checked.Find("cache", "warning").is_object());
}

TEST_CASE("A damaged database, a place that is not there and a run under way are seen") {
  Tenant tenant("small");
  tenant.Summary();
  FaultSpec slow;
  slow.latency_ms = 200;
  tenant.server().set_faults(slow);
  const auto before = tenant.counters().http_requests;
  Program audit(tenant.AuditWords({"--full", "--no-cache"}));
  REQUIRE(audit.RunUntil([&] { return tenant.counters().http_requests >= before + 8; }));
  tenant.server().set_faults(FaultSpec());
  slow.latency_ms = 2000;
  tenant.server().set_faults(slow);
  const Words local = {"doctor",        "--json",           "--config",
                       tenant.config(), "--authority-host", "http://127.0.0.1:1"};
  const json held = json::parse(Run(local).out);
  audit.Signal(SIGKILL);
  audit.Wait();
  const json died = json::parse(Run(local).out);
  tenant.server().set_faults(FaultSpec());
  const auto lock = [](const json& document) {
    for (const json& check : document["checks"]) {
      if (check["name"] == "lock") return check["detail"].get<std::string>();
    }
    return std::string();
  };
  CHECK(lock(held).find("holds the database") != std::string::npos);
  CHECK(lock(died).find("has died") != std::string::npos);

  tenant.Configure({{"db", {{"path", "/proc/nowhere/audit.db"}}}});
  CHECK(Doctor(tenant).exit == 2);

  const std::string damaged = tenant.File("damaged.db");
  std::string bytes = ReadText(tenant.File("audit.db"));
  for (std::size_t at = 4096; at + 4096 < bytes.size(); at += 4096) bytes.replace(at, 64, 64, 'x');
  WriteText(damaged, bytes);
  tenant.Configure({{"db", {{"path", damaged}}}});
  const Checked checked = Doctor(tenant);
  CHECK(checked.exit != 0);
  CHECK(checked.Find("database", "failed").is_object());
}

}  // namespace spa::testing
