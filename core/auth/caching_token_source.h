// CachingTokenSource: the TokenSource there is. Tests give it a clock; others call MakeTokenSource.
//
// Renewal: at refresh_in where the service names it, otherwise 5 minutes or a tenth of the lifetime
// before the end, whichever is less, so that a token of one minute works too. Where a renewal fails
// for a passing reason and the old token still lives, that one is handed out and the renewal tried
// again half a minute later.
//
// One flight a resource: the first Get starts it, whoever comes meanwhile waits for it, all get
// what it brings. Errors are not remembered. A cancelled Get leaves the flight to the others; the
// last one to leave ends it and waits for its end, so that no work outlives the callers.
//
// Lifetime: must outlive every Get.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "core/auth/credential.h"
#include "core/auth/token_source.h"

namespace spa {

class CachingTokenSource final : public TokenSource {
 public:
  using Clock = std::function<std::chrono::system_clock::time_point()>;

  CachingTokenSource(Credential credential, HttpClient& http,
                     Clock now = std::chrono::system_clock::now);
  ~CachingTokenSource() override;

  Task<Result<AccessToken>> Get(std::string resource) override;
  void Reject(const std::string& resource, const Secret& token) override;
  CredentialKind kind() const override { return credential_.kind; }
  long requests() const override { return requests_; }

 private:
  struct Flight;
  struct Slot {
    std::optional<AccessToken> issued;
    std::shared_ptr<Flight> flight;
  };

  void StartFlight(asio::any_io_executor executor, const std::string& resource);
  Task<void> Fly(std::string resource, std::shared_ptr<Flight> flight);
  Task<void> WaitFor(std::string resource, std::shared_ptr<Flight> flight);
  Task<Result<AccessToken>> Fetch(std::string resource);
  Result<AccessToken> ReadAnswer(const HttpResponse& answer,
                                 std::chrono::system_clock::time_point asked_at) const;
  Result<AccessToken> KeepOld(Slot& slot, Error error);

  Credential credential_;
  HttpClient& http_;
  Clock now_;
  long requests_ = 0;
  std::map<std::string, Slot> slots_;
};

}  // namespace spa
