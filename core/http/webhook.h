// Webhook: tells another service something, by POST of a JSON text.
//
// Any 2xx is taken for a receipt; else it is tried twice more, then given up. A redirect is not
// followed. Where a key is set, the header X-Sharepoint-Audit-Signature is "sha256=" and the
// HMAC-SHA-256 of the body in hex. The address may hold a secret of its receiver's: errors name its
// host alone.
//
// Threads: the io_context's thread. Lifetime: `http` must outlive it, and it each Post.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "core/http/http_client.h"
#include "core/secret.h"

namespace spa {

class Webhook {
 public:
  // kUsage unless the address is https:// or leads to a loopback host; `key` is the configuration
  // key it is from. An empty one is none.
  static Status Check(std::string_view key, const Secret& url);

  explicit Webhook(HttpClient& http) : http_(http) {}
  Webhook(const Webhook&) = delete;

  // `url`: one that Check let pass.
  void Set(const Secret& url, const Secret& signing_key = Secret());
  bool is_set() const { return !url_.empty(); }
  const std::string& host() const { return host_; }

  // The error of the last try, where none was taken.
  [[nodiscard]] Task<Status> Post(std::string body);

  void set_pause(std::chrono::milliseconds pause) { pause_ = pause; }  // Before trying again.

 private:
  HttpClient& http_;
  Secret url_, key_;
  std::string host_;
  std::chrono::milliseconds pause_{2000};
};

}  // namespace spa
