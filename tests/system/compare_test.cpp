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

constexpr std::size_t kSite = 21;  // Letters of base64: a library's id begins with its site's.

// The library whose items were asked for; empty where the request was another.
std::string LibraryOf(const json& request) {
  if (request.at("route") != "graph delta") return {};
  std::string library = request.at("target");
  library.erase(0, library.find("b!") + 2);
  library.erase(library.find('/'));
  return library;
}

// Of how many sites a library was asked for at the same time, at most. All requests take as long:
// those under way when one comes are the last that came.
std::size_t SitesInFlight(const std::vector<json>& requests) {
  std::size_t most = 0;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const auto flying = std::min(i + 1, requests[i].at("in_flight").get<std::size_t>());
    std::set<std::string> sites;
    for (std::size_t j = i + 1 - flying; j <= i; ++j) {
      const std::string library = LibraryOf(requests[j]);
      if (!library.empty()) sites.insert(library.substr(0, kSite));
    }
    most = std::max(most, sites.size());
  }
  return most;
}

// Of how many sites a library was being read at the same time, at most.
std::size_t SitesAtOnce(const std::vector<json>& requests) {
  std::map<std::string, std::pair<std::size_t, std::size_t>> libraries;  // First and last request.
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const std::string library = LibraryOf(requests[i]);
    if (library.empty()) continue;
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

// With a latency that is the same for all, throughput is what is in flight divided by it.
TEST_CASE("Eight sites at once keep twenty requests in flight, one site a third of that",
          "[S4-27]") {
  // Slow answers, so that a busy machine can keep up with twenty of them.
  const auto words = [](const std::string& sites, const std::string& items) {
    return Words{"sites=" + sites, "items=" + items, "subsite_rate=0", "faults.latency_ms=400"};
  };
  const Tenant one("medium", kSecret, words("15", "3000"));
  const Tenant eight("medium", kSecret, words("80", "20000"));
  one.Summary({"--no-cache", "--max-sites", "1"});
  eight.Summary({"--no-cache", "--max-sites", "8"});

  // While libraries are being read: how many requests there were when one came.
  const auto in_flight = [](const std::vector<json>& requests) {
    std::vector<int> flying;
    for (const json& request : requests) {
      if (request.at("route") == "graph delta") flying.push_back(request.at("in_flight"));
    }
    REQUIRE(flying.size() > 30);
    const auto edge = static_cast<std::ptrdiff_t>(flying.size() / 10);
    const auto warm = flying.begin() + edge, last = flying.end() - edge;
    std::sort(warm, last);
    return *(warm + (last - warm) / 2);
  };
  const auto alone = RequestsOf(one.server()), together = RequestsOf(eight.server());
  INFO(in_flight(alone) << " and " << in_flight(together));
  CHECK(SitesAtOnce(alone) == 1);
  CHECK(SitesInFlight(alone) == 1);
  CHECK(SitesInFlight(together) == 8);
  CHECK(in_flight(together) >= 18);
  CHECK(in_flight(together) >= 3 * in_flight(alone));
  CHECK(eight.counters().peak_in_flight <= 20);
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
