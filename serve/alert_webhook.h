// AlertWebhook: tells another service of alerts, by POST, one at a time and in their order.
//
//   {"service": "sharepoint-audit", "rule": "error_spike", "active": true,
//    "reason": "…", "raised": 3, "at": "2026-11-20T08:14:05Z"}
//
// How: core/http/webhook.h. What nobody takes is given up with a line in the log; the alert itself
// stays in /cache/health and /metrics. Of alerts that wait, the newest hundred are kept.
//
// Threads: the io_context's thread. Lifetime: `http` must outlive it, and it its Run.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <string>

#include "core/http/webhook.h"
#include "core/secret.h"
#include "serve/alert_watch.h"

namespace spa {

class AlertWebhook {
 public:
  AlertWebhook(asio::io_context& io, HttpClient& http);
  AlertWebhook(const AlertWebhook&) = delete;

  // kUsage unless it is https:// or leads to a loopback host. Empty: alerts are told to nobody.
  Status SetUrl(const Secret& url);

  void Tell(AlertRule rule, const Alert& alert);
  // Sends until it is cancelled.
  [[nodiscard]] Task<void> Run();

  void set_pause(std::chrono::milliseconds pause) { webhook_.set_pause(pause); }

 private:
  Webhook webhook_;
  std::deque<std::string> waiting_;
  asio::steady_timer told_;
};

}  // namespace spa
