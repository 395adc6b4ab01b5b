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
      changed_(std::move(executor), asio::steady_timer::time_point::max()) {}

Task<void> ScanQueue::Send(FoundContainer found) {
  while (waiting_.size() >= capacity_) co_await Change();
  waiting_.emplace_back(std::move(found));
  changed_.cancel();
}

Task<std::optional<FoundContainer>> ScanQueue::Receive() {
  for (;;) {
    const auto biggest = Biggest();
    if (biggest != waiting_.end()) {
      std::optional<FoundContainer> found(std::move(biggest->found));
      waiting_.erase(biggest);
      ++open_[found->site_url];
      changed_.cancel();
      co_return found;
    }
    if (closed_ && waiting_.empty()) co_return std::nullopt;
    co_await Change();
  }
}

void ScanQueue::Done(const std::string& site_url) {
  const auto site = open_.find(site_url);
  if (site != open_.end() && --site->second == 0) open_.erase(site);
  changed_.cancel();
}

void ScanQueue::Close() {
  closed_ = true;
  changed_.cancel();
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

Task<void> ScanQueue::Change() {
  boost::system::error_code woken;
  co_await changed_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  const auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none) {
    throw boost::system::system_error(asio::error::operation_aborted);
  }
}

}  // namespace spa
