// Runs set against each other: side by side or one after another, without, with a cold and with a
// warm cache.
#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <map>

#include "tests/system/tenant.h"

namespace spa::testing {
namespace {

using nlohmann::json;

// The simulator's own log of the requests it got, oldest first.
std::vector<json> RequestsOf(const SimulatorServer& server) {
  namespace asio = boost::asio;
  using asio::ip::tcp;
  const std::string url = server.base_url();
  const auto port = std::stoi(url.substr(url.rfind(':') + 1));
  asio::io_context io;
  tcp::socket socket(io);
  socket.connect({asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(port)});
  asio::write(socket,
              asio::buffer(std::string("GET /__sim/requests HTTP/1.0\r\nHost: localhost\r\n\r\n")));
  std::string answer;
  boost::system::error_code ended;
  asio::read(socket, asio::dynamic_buffer(answer), ended);
  return ParseLines(answer.substr(answer.find("\r\n\r\n") + 4));
}

// Of how many sites a library was being read at the same time, at most. A library's id begins with
// that of its site collection.
std::size_t SitesAtOnce(const std::vector<json>& requests) {
  constexpr std::size_t kSite = 21;  // Letters of base64: 126 bits.
  std::map<std::string, std::pair<std::size_t, std::size_t>> libraries;  // First and last request.
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (requests[i].at("route") != "graph delta") continue;
    std::string library = requests[i].at("target");
    library.erase(0, library.find("b!") + 2);
    library.erase(library.find('/'));
    libraries.try_emplace(library, i, i).first->second.second = i;
  }
  std::size_t most = 0;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    std::set<std::string> sites;
    for (const auto& [library, span] : libraries) {
      if (span.first <= i && i <= span.second) sites.insert(library.substr(0, kSite));
    }
    most = std::max(most, sites.size());
  }
  return most;
}

}  // namespace

TEST_CASE("Sites are audited side by side, as many as the configuration lets", "[S4-18]") {
  const Words set = {"faults.latency_ms=10"};
  const Tenant one("demo", kSecret, set), eight("demo", kSecret, set);

  one.Summary({"--no-cache", "--max-sites", "1"});
  eight.Summary({"--no-cache", "--max-sites", "8"});

  CHECK(SitesAtOnce(RequestsOf(one.server())) == 1);
  const std::size_t at_once = SitesAtOnce(RequestsOf(eight.server()));
  CHECK(at_once >= 2);
  CHECK(at_once <= 8);
}

TEST_CASE("Runs without, with a cold and with a warm cache are compared by their summaries",
          "[cache][S4-19][S4-24]") {
  const Tenant tenant("demo", kCertificate, {"hidden_groups=0", "deleted_groups=0"});
  const auto run = [&](const std::string& database, Words more) {
    more.insert(more.end(), {"--db", tenant.File(database)});
    tenant.Summary(more);
    const Ended shown =
        Run({"runs", "show", "last", "--output-format", "json", "--db", tenant.File(database)});
    REQUIRE(shown.exit == 0);
    return json::parse(shown.out);
  };
  const json none = run("none.db", {"--no-cache"});
  const json cold = run("cold.db", {});
  const json warm = run("warm.db", {});

  const auto calls = [](const json& summary) {
    const json& api = summary.at("api");
    return api.at("graph_requests").get<long>() + api.at("sharepoint_requests").get<long>();
  };
  for (const json* summary : {&none, &cold, &warm}) CHECK(summary->at("duration_seconds") > 0);
  CHECK(calls(cold) < calls(none));
  CHECK(calls(warm) < calls(cold));
  CHECK(none.at("cache").at("hit_rate") == 0);
  CHECK(cold.at("cache").at("hit_rate") > 0);
  CHECK(warm.at("cache").at("hit_rate") > cold.at("cache").at("hit_rate"));
}

}  // namespace spa::testing
