#include "simulator/traffic.h"

#include "tests/simulator/simulator_client.h"

namespace spa::sim {
namespace {

std::string HeaderOf(const Response& response, const std::string& name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return "";
}

Response Ask(Traffic& traffic, const std::string& target, int units = 1) {
  const Request request("GET", target);
  const auto number = traffic.Arrive(request, Family::kGraph);
  Response response;
  response.body = R"({"value":[1,2,3]})";
  response.units = units;
  traffic.Judge(request, number, response);
  traffic.Leave(0);
  return response;
}

FaultSpec Always(double FaultSpec::*rate) {
  FaultSpec faults;
  faults.*rate = 1;
  return faults;
}

}  // namespace

TEST_CASE("A repeat before Retry-After has passed is written down, another URL is only noted") {
  Traffic traffic(1, Always(&FaultSpec::rate_429));
  REQUIRE(HeaderOf(Ask(traffic, "/v1.0/a"), "Retry-After") == "1");

  Ask(traffic, "/v1.0/b");
  Ask(traffic, "/v1.0/a");

  REQUIRE(traffic.counters().throttled == 3);
  REQUIRE(traffic.counters().early_retries == 1);
  REQUIRE(traffic.counters().requests_while_throttled == 2);
}

TEST_CASE("A part told to wait is early when it comes back, unless the answer was lost") {
  const bool lost = GENERATE(false, true);
  INFO("lost: " << lost);
  Traffic traffic(1, Always(&FaultSpec::rate_429));
  const Request batch("POST", "/v1.0/$batch"), part("GET", "/v1.0/a");
  const auto number = traffic.Arrive(batch, Family::kGraph);
  Response inner, outer;
  outer.body = "{}";
  traffic.JudgePart(part, inner, outer.part_waits);
  REQUIRE(inner.status == 429);
  traffic.set_faults(lost ? Always(&FaultSpec::rate_reset) : FaultSpec());
  traffic.Judge(batch, number, outer);

  std::vector<std::string> waits;
  traffic.JudgePart(part, inner = Response(), waits);

  REQUIRE(traffic.counters().early_retries == (lost ? 0 : 1));
}

TEST_CASE("Parts of one batch are not sent against each other's advice") {
  Traffic traffic(1, Always(&FaultSpec::rate_429));
  traffic.Arrive(Request("POST", "/v1.0/$batch"), Family::kGraph);
  std::vector<std::string> waits;
  Response first, second;
  traffic.JudgePart(Request("GET", "/v1.0/a"), first, waits);
  traffic.JudgePart(Request("GET", "/v1.0/b"), second, waits);
  REQUIRE(traffic.counters().requests_while_throttled == 0);

  traffic.Arrive(Request("POST", "/v1.0/$batch"), Family::kGraph);

  REQUIRE(traffic.counters().requests_while_throttled == 1);
}

TEST_CASE("A wait of nothing is over at once") {
  FaultSpec faults = Always(&FaultSpec::rate_429);
  faults.retry_after_seconds = 0;
  Traffic traffic(1, faults);

  Ask(traffic, "/v1.0/a");
  Ask(traffic, "/v1.0/a");

  REQUIRE(traffic.counters().early_retries == 0);
}

TEST_CASE("Retry-After comes in each of its forms") {
  FaultSpec faults = Always(&FaultSpec::rate_429);
  faults.retry_after_seconds = 2.128;
  auto header = [&](const char* form) {
    faults.retry_after = form;
    Traffic traffic(1, faults);
    return HeaderOf(Ask(traffic, "/v1.0/a"), "Retry-After");
  };

  CHECK(header("int") == "3");
  CHECK(header("decimal") == "2.128");
  CHECK(header("missing").empty());
  CHECK(header("date").ends_with(" GMT"));
}

TEST_CASE("The same sequence of requests meets the same faults") {
  FaultSpec faults;
  faults.rate_429 = 0.2;
  faults.rate_503 = 0.2;
  faults.rate_truncated = 0.2;
  auto run = [&](std::uint64_t seed) {
    Traffic traffic(seed, faults);
    std::string seen;
    for (int i = 0; i < 200; ++i) {
      const Response response = Ask(traffic, "/v1.0/a");
      seen += std::to_string(response.status) + " " + std::to_string(response.body.size()) + ",";
    }
    return seen;
  };

  REQUIRE(run(1) == run(1));
  REQUIRE(run(1) != run(2));
}

TEST_CASE("A budget announces itself from 80 percent on and then throttles") {
  FaultSpec faults;
  faults.units_per_minute = 10;
  Traffic traffic(1, faults);

  CHECK(HeaderOf(Ask(traffic, "/a", 5), "RateLimit-Limit").empty());
  CHECK(HeaderOf(Ask(traffic, "/b", 3), "RateLimit-Remaining") == "2");
  const Response over = Ask(traffic, "/c", 5);

  CHECK(over.status == 429);
  CHECK(HeaderOf(over, "RateLimit-Remaining") == "0");
  CHECK(traffic.counters().resource_units == 13);  // Throttled calls count too.
}

TEST_CASE("A broken body is shorter than the whole one and a reset says so to the socket") {
  Traffic truncating(1, Always(&FaultSpec::rate_truncated));
  Traffic resetting(1, Always(&FaultSpec::rate_reset_body));
  Traffic html(1, Always(&FaultSpec::rate_html));

  CHECK(Ask(truncating, "/a").body == R"({"value")");
  CHECK(Ask(resetting, "/a").reset == Response::Reset::kInBody);
  CHECK(Ask(html, "/a").body.starts_with("<!DOCTYPE html>"));
  CHECK(truncating.counters().truncations == 1);
}

TEST_CASE("Parts of a batch are throttled and priced one by one, and answered in another order") {
  SimulatorClient client;
  std::string requests;
  for (int i = 0; i < 20; ++i) {
    requests += (i > 0 ? "," : "") + std::string(R"({"id":")") + std::to_string(i) +
                R"(","method":"GET","url":"/sites/root"})";
  }
  FaultSpec faults;
  faults.rate_429 = 0.4;
  client.service.traffic().set_faults(faults);

  Response answer;
  do {
    answer = client.PostGraph("/$batch", R"({"requests":[)" + requests + "]}");
  } while (answer.status != 200);

  int throttled = 0;
  std::vector<std::string> order;
  const auto body = nlohmann::json::parse(answer.body);
  for (const auto& part : body.at("responses")) {
    order.push_back(part.at("id"));
    if (part.at("status") == 429) {
      ++throttled;
      REQUIRE(part.at("headers").at("Retry-After") == "1");
    }
  }
  REQUIRE(order.size() == 20);
  REQUIRE(order.front() != "0");
  REQUIRE(throttled > 0);
  REQUIRE(throttled < 20);
}

TEST_CASE("A batch of more than twenty, or with an id twice, is refused") {
  SimulatorClient client;
  auto batch = [&](int count, bool same) {
    std::string requests;
    for (int i = 0; i < count; ++i) {
      requests += (i > 0 ? "," : "") + std::string(R"({"id":")") + (same ? "A" : "") +
                  std::to_string(same ? 0 : i) + R"(","method":"GET","url":"/sites/root"})";
    }
    return client.PostGraph("/$batch", R"({"requests":[)" + requests + "]}").status;
  };

  CHECK(batch(20, false) == 200);
  CHECK(batch(21, false) == 400);
  CHECK(batch(2, true) == 400);
}

TEST_CASE("Delta refuses what the service refuses") {
  SimulatorClient client(SmallSpec({"wire.gone_at_page=1"}));
  const std::string root = "/drives/" + client.tenant.libraries().front().drive_id + "/root/delta";

  CHECK(client.Graph(root + "?$expand=permissions", 501)["error"]["code"] == "notSupported");
  CHECK(client.Graph(root + "?token=nonsense", 400)["error"]["code"] == "invalidRequest");
  CHECK(client.Graph(root, 400, {{"prefer", "deltashowsharingchanges"}})["error"]["code"] ==
        "invalidRequest");
  CHECK(client.Graph(root, 410)["error"]["code"] == "resyncRequired");
  CHECK(client.Graph(root).contains("value"));  // once per drive
}

TEST_CASE("Groups that hide, are gone or are named by their owners' claim fail as they should") {
  SimulatorClient client;
  std::string hidden, deleted, open;
  for (const Group& group : client.tenant.directory().groups()) {
    if (group.hidden) hidden = group.id;
    if (group.deleted) deleted = group.id;
    if (!group.hidden && !group.deleted) open = group.id;
  }

  client.Graph("/groups/" + hidden + "/transitiveMembers", 403);
  client.Graph("/groups/" + deleted, 404);
  client.Graph("/groups/" + open + "_o/members", 400);
  CHECK(client.Graph("/groups/" + open)["id"] == open);
  CHECK(client.service.traffic().counters().directory_units > 0);
}

TEST_CASE("Odd sites answer each in its own way") {
  SimulatorClient client(SmallSpec({"archived_sites=1", "missing_sites=1"}));
  std::map<SiteState, int> expected = {{SiteState::kLocked, 423},
                                       {SiteState::kArchived, 423},
                                       {SiteState::kForbidden, 403},
                                       {SiteState::kMissing, 404},
                                       {SiteState::kOpen, 200}};
  std::set<SiteState> seen;

  for (const Web& web : client.tenant.webs()) {
    seen.insert(web.state);
    client.Graph("/sites/" + web.id + "/drives", expected[web.state]);
    if (web.old_path.empty()) continue;
    client.Graph("/sites/fabrikam.sharepoint.com:" + web.path);
    const auto moved = client.Send("GET", web.old_path + "/_api/web", "",
                                   {{"authorization", client.RestBearer()}});
    CHECK(moved.status == 308);
    CHECK(HeaderOf(moved, "Location") == "http://127.0.0.1:1" + web.path + "/_api/web");
  }

  REQUIRE(seen.size() == 5);
}

}  // namespace spa::sim
