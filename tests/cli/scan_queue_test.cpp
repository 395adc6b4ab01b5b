#include "cli/scan_queue.h"

#include "tests/catch.h"
#include "tests/core/run_task.h"

using namespace spa;
using namespace spa::testing;

namespace {

FoundContainer Library(const std::string& site, const std::string& list, std::int64_t items) {
  FoundContainer found;
  found.site_url = site;
  found.drive.list_id = list;
  auto facts = std::make_shared<SiteFacts>();
  facts->lists[list].item_count = items;
  found.facts = facts;
  return found;
}

Task<std::string> Next(ScanQueue& queue) {
  const auto found = co_await queue.Receive();
  co_return found ? found->drive.list_id : "";
}

}  // namespace

TEST_CASE("The biggest that waits is scanned first") {
  asio::io_context io;
  ScanQueue queue(io.get_executor(), 10, 8);
  std::vector<std::string> order;
  RunTask(io, [&]() -> Task<void> {
    co_await queue.Send(Library("a", "small", 1));
    co_await queue.Send(Library("b", "big", 900));
    co_await queue.Send(Library("c", "middle", 50));
    queue.Close();
    for (int i = 0; i < 4; ++i) order.push_back(co_await Next(queue));
  }());
  CHECK(order == std::vector<std::string>{"big", "middle", "small", ""});
}

TEST_CASE("No more sites are scanned at once than allowed, and one of them by many") {
  asio::io_context io;
  ScanQueue queue(io.get_executor(), 10, 1);
  std::vector<std::string> order;
  RunTask(io, [&]() -> Task<void> {
    co_await queue.Send(Library("a", "a1", 5));
    co_await queue.Send(Library("b", "b1", 4));
    co_await queue.Send(Library("a", "a2", 3));
    queue.Close();
    order.push_back(co_await Next(queue));
    order.push_back(co_await Next(queue));  // b must wait, though it is bigger.
    queue.Done("a");
    queue.Done("a");
    order.push_back(co_await Next(queue));
    queue.Done("b");
    order.push_back(co_await Next(queue));
  }());
  CHECK(order == std::vector<std::string>{"a1", "a2", "b1", ""});
}
