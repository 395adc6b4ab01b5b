#include "core/store/run_mode.h"

#include "core/clock.h"

namespace spa {

bool WillBeIncremental(sqlite::Database& db, const RunRequest& request,
                       std::chrono::system_clock::time_point now) {
  // A deleted run that has an end had finished.
  sqlite::Statement earlier(db, R"sql(
    SELECT count(*) FILTER (WHERE status IN ('complete', 'partial')),
           count(*) FILTER (WHERE mode = 'full' AND started_at >= ?2 AND
             (status IN ('complete', 'partial') OR (status = 'deleted' AND finished_at IS NOT NULL)))
    FROM run WHERE tenant_id = ?1)sql");
  const std::string since = UtcText(now - request.full_after);
  if (!earlier.Bind(request.tenant_id, since).Step()) return false;
  const bool any = earlier.Int(0) > 0, recently_full = earlier.Int(1) > 0;
  return any && (request.mode == RunMode::kIncremental ||
                 (request.mode == RunMode::kAuto && recently_full));
}

}  // namespace spa
