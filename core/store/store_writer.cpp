#include "core/store/store_writer.h"

#include <chrono>

#include "core/clock.h"

namespace spa {

CoverageState StateFor(ErrorCode code) {
  switch (code) {
    case ErrorCode::kForbidden:
      return CoverageState::kDenied;
    case ErrorCode::kLocked:
      return CoverageState::kLocked;
    case ErrorCode::kThrottled:
      return CoverageState::kThrottled;
    default:
      return CoverageState::kFailed;
  }
}

Task<void> StoreWriter::PutGap(std::optional<Oid> oid, std::string url, const Error& error) {
  AbortIfFatal(error);
  std::string reason = error.message;
  if (!error.request_id.empty()) reason += " (request " + error.request_id + ")";
  co_await PutGap(oid, std::move(url), StateFor(error.code), std::move(reason), error.remedy);
}

Task<void> StoreWriter::PutGap(std::optional<Oid> oid, std::string url, CoverageState state,
                               std::string reason, std::string remedy) {
  Gap gap;
  gap.oid = oid;
  gap.url = std::move(url);
  gap.state = state;
  gap.reason = std::move(reason);
  gap.remedy = std::move(remedy);
  co_await Do([&gap](AuditStore& store) { return store.PutGap(gap); });
}

Task<void> StoreWriter::PutStale(std::optional<Oid> oid, std::string url,
                                 std::chrono::seconds age) {
  return PutGap(oid, std::move(url), CoverageState::kStale,
                "stale since " + UtcText(std::chrono::system_clock::now() - age) +
                    ": it could not be asked for again",
                "run again when the service answers");
}

}  // namespace spa
