#include "cli/scan_queue.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>

namespace spa {

ScanQueue::Waiting::Waiting(FoundContainer container) : found(std::move(container)), items(-1) {
  const std::string& list = found.list ? found.list->id : found.drive.list_id;
  if (!found.facts) return;
  const auto fact = found.facts->lists.find(list);
  if (fact != found.facts->lists.end()) items = fact->second.item_count;
}

ScanQueue::ScanQueue(asio::any_io_executor executor, std::size_t capacity, int max_sites)
    : capacity_(capacity),
      max_sites_(static_cast<std::size_t>(max_sites)),
      room_(executor, asio::steady_timer::time_point::max()),
      ready_(std::move(executor), asio::steady_timer::time_point::max()) {}

Task<void> ScanQueue::Send(FoundContainer found) {
  while (waiting_.size() >= capacity_) co_await Woken(room_);
  waiting_.emplace_back(std::move(found));
  ready_.cancel_one();
}

Task<std::optional<FoundContainer>> ScanQueue::Receive() {
  for (;;) {
    const auto biggest = Biggest();
    if (biggest != waiting_.end()) {
      std::optional<FoundContainer> found(std::move(biggest->found));
      waiting_.erase(biggest);
      ++open_[found->site_url];
      room_.cancel_one();
      ready_.cancel_one();  // There may be more for the next one.
      co_return found;
    }
    if (closed_ && waiting_.empty()) {
      ready_.cancel_one();  // Nor is there for the next one.
      co_return std::nullopt;
    }
    co_await Woken(ready_);
  }
}

void ScanQueue::Done(const std::string& site_url) {
  const auto site = open_.find(site_url);
  if (site != open_.end() && --site->second == 0) open_.erase(site);
  ready_.cancel_one();
}

void ScanQueue::Close() {
  closed_ = true;
  ready_.cancel();
}

std::vector<ScanQueue::Waiting>::iterator ScanQueue::Biggest() {
  const bool room = open_.size() < max_sites_;
  auto biggest = waiting_.end();
  for (auto at = waiting_.begin(); at != waiting_.end(); ++at) {
    if (!room && !open_.contains(at->found.site_url)) continue;
    if (biggest == waiting_.end() || at->items > biggest->items) biggest = at;
  }
  return biggest;
}

Task<void> ScanQueue::Woken(asio::steady_timer& change) {
  boost::system::error_code woken;
  co_await change.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  const auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none) {
    change.cancel_one();  // The turn may have been ours.
    throw boost::system::system_error(asio::error::operation_aborted);
  }
}

}  // namespace spa
