// ScanQueue: libraries and lists that wait to be read whole. It hands out the biggest first, of at
// most `max_sites` sites at a time, so that a large one does not begin last and a slow site holds
// up nobody else. Bounded: a full queue holds its senders back.
//
// Threads: the io_context's thread.
// End: Close() says that no more will come; Receive() drains what is left, then returns nothing.
// Cancellation: both waits can be cancelled.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/async/task.h"
#include "discovery/site_walk.h"

namespace spa {

class ScanQueue {
 public:
  ScanQueue(asio::any_io_executor executor, std::size_t capacity, int max_sites);

  [[nodiscard]] Task<void> Send(FoundContainer found);
  // What is received is under way until Done(its site_url).
  [[nodiscard]] Task<std::optional<FoundContainer>> Receive();
  void Done(const std::string& site_url);
  void Close();

 private:
  struct Waiting {
    explicit Waiting(FoundContainer found);
    FoundContainer found;
    std::int64_t items;  // As SharePoint counts them; -1: not told.
  };

  // Among those whose site is open or may be opened.
  std::vector<Waiting>::iterator Biggest();
  [[nodiscard]] Task<void> Woken(asio::steady_timer& change);

  const std::size_t capacity_;
  const std::size_t max_sites_;
  bool closed_ = false;
  std::vector<Waiting> waiting_;
  std::map<std::string, int> open_;  // Sites with how many scans under way.
  asio::steady_timer room_, ready_;  // For senders, and for receivers.
};

}  // namespace spa
