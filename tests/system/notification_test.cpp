// Others are told how an audit ended, whatever the end, and nothing about the end changes by that.
#include <csignal>
#include <sstream>
#include <thread>

#include "core/digest.h"
#include "tests/auth/token_server.h"
#include "tests/system/tenant.h"

namespace spa::testing {
namespace {

using nlohmann::json;

// Takes what is posted, on a thread of its own.
class Receiver {
 public:
  explicit Receiver(int status = 204)
      : server_(io_,
                [status](const ServedRequest&, std::size_t) { return ServedAnswer(status, ""); }),
        thread_([this] {
          const auto stay = asio::make_work_guard(io_);
          io_.run();
        }) {}
  ~Receiver() { Stop(); }

  std::string url() const { return server_.url() + "/hook/of-the-receiver"; }
  // What came; the end of receiving.
  const std::vector<ServedRequest>& Stop() {
    if (thread_.joinable()) {
      io_.stop();
      thread_.join();
    }
    return server_.requests();
  }

 private:
  asio::io_context io_;
  TokenServer server_;
  std::thread thread_;
};

constexpr char kKey[] = "a-key-for-signing";

void TellTo(const Tenant& tenant, const Receiver& receiver) {
  tenant.Configure({{"notify",
                     {{"webhook_url", receiver.url()},
                      {"webhook_key", kKey},
                      {"mail_file", tenant.File("mail")},
                      {"mail_to", {"audit@contoso.com"}}}}});
}

// The one word that came, its signature proved.
json Word(Receiver& receiver) {
  const auto& requests = receiver.Stop();
  REQUIRE(requests.size() == 1);
  CHECK(requests[0].method == "POST");
  CHECK(requests[0].target == "/hook/of-the-receiver");
  CHECK(requests[0].Header("X-Sharepoint-Audit-Signature") ==
        "sha256=" + HmacSha256(Secret(kKey), requests[0].body));
  return json::parse(requests[0].body);
}

std::string Subject(const Tenant& tenant) {
  std::istringstream lines(ReadText(tenant.File("mail")));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("Subject: ")) return line;
  }
  return {};
}

}  // namespace

TEST_CASE("Findings, coverage and a good end are told with their exit codes and the run") {
  const auto [more, exit, outcome] = GENERATE(table<Words, int, std::string>({
      {Words{}, 0, "done"},
      {Words{"--fail-on", "info"}, 3, "findings"},
      {Words{"--min-coverage", "100"}, 6, "coverage"},
      // What could not be read comes before what was found: nobody knows what was missed.
      {Words{"--fail-on", "info", "--min-coverage", "100"}, 6, "coverage"},
      {Words{"--fail-on", "info", "--min-coverage", "50"}, 3, "findings"},
  }));
  INFO(outcome << " " << json(more).dump());
  const Tenant tenant("small");
  Receiver receiver;
  TellTo(tenant, receiver);

  const Ended ended = tenant.Audit(more);

  INFO(ended.err);
  CHECK(ended.exit == exit);
  const json word = Word(receiver);
  CHECK(word["exit_code"] == exit);
  CHECK(word["outcome"] == outcome);
  const json summary = ParseSummary(ended);
  CHECK(word["run_id"] == summary["run_id"]);
  CHECK(word["summary"]["findings"] == summary["findings"]);
  CHECK(word["summary"]["coverage"]["percent"] == summary["coverage"]["percent"]);
  CHECK(Subject(tenant) == "Subject: SharePoint audit of 127.0.0.1: " + outcome + " (exit code " +
                               std::to_string(exit) + ")");
}

TEST_CASE("An audit that gives up, is refused or interrupted is told, too") {
  const std::string how = GENERATE("throttled", "refused", "unreachable", "interrupted");
  INFO(how);
  Words set;
  if (how == "throttled") {
    set = {"faults.rate_429=1", "faults.retry_after=decimal", "faults.retry_after_seconds=0.2"};
  }
  if (how == "interrupted") set = {"faults.latency_ms=100"};
  const Tenant tenant("small", how == "refused" ? kSecret : kCertificate, set);
  if (how == "refused") tenant.Configure({{"auth", {{"client_secret", "wrong-for-sure"}}}});
  if (how == "unreachable") {
    tenant.Configure({{"auth", {{"authority_host", "http://127.0.0.1:1"}}}});
  }
  Receiver receiver;
  TellTo(tenant, receiver);

  Program audit(tenant.AuditWords({"--patience", "1s"}));
  if (how == "interrupted") {
    REQUIRE(audit.RunUntil([&] { return tenant.counters().http_requests >= 8; }));
    audit.Signal(SIGINT);
  }
  const Ended ended = audit.Wait();

  INFO(ended.err);
  const json word = Word(receiver);
  CHECK(word["exit_code"] == ended.exit);
  if (how == "throttled") CHECK(ended.exit == 5);
  if (how == "unreachable") CHECK(ended.exit == 5);
  if (how == "refused") CHECK(ended.exit == 4);
  if (how == "interrupted") {
    CHECK(ended.exit == 130);
    CHECK(word["error"].is_null());
    CHECK(word["summary"]["status"] == "interrupted");
  } else {
    CHECK_FALSE(word["error"]["message"].get<std::string>().empty());
  }
  CHECK(word.dump().find("wrong-for-sure") == std::string::npos);
}

TEST_CASE("A receiver that takes nothing is a warning and changes nothing") {
  const Tenant tenant("small");
  Receiver receiver(500);
  TellTo(tenant, receiver);
  tenant.Configure({{"notify", {{"mail_file", "/proc/nowhere/mail"}}},
                    {"logging", {{"file", tenant.File("audit.log")}}}});

  const Ended ended = tenant.Audit({"--fail-on", "info"});

  CHECK(ended.exit == 3);
  CHECK(receiver.Stop().size() == 3);
  CHECK(ended.err.find("nobody took the word") != std::string::npos);
  CHECK(ended.err.find("of-the-receiver") == std::string::npos);  // The address is a secret.
  CHECK(ended.err.find(kKey) == std::string::npos);
  const json summary = ParseSummary(ended);
  // And the log can be followed by the run: each line from its beginning on carries its id.
  std::size_t of_run = 0;
  for (const json& line : ParseLines(ReadText(tenant.File("audit.log")))) {
    if (line.contains("run_id")) {
      CHECK(line["run_id"] == summary["run_id"]);
      ++of_run;
    }
  }
  CHECK(of_run >= 2);
}

TEST_CASE("Who cannot be told is said before the audit begins") {
  const Tenant tenant("small", kSecret);
  tenant.Configure({{"notify", {{"webhook_url", "http://example.com/hook"}}}});
  const Ended in_the_clear = tenant.Audit();
  CHECK(in_the_clear.exit == 2);
  CHECK(in_the_clear.err.find("notify.webhook_url") != std::string::npos);
  CHECK(in_the_clear.err.find("example.com") == std::string::npos);

  tenant.Configure({{"notify", {{"webhook_url", nullptr}, {"mail_to", {"a@b\nBcc: c@d"}}}}});
  CHECK(tenant.Audit().exit == 2);
  CHECK(tenant.counters().http_requests == 0);
}

}  // namespace spa::testing
