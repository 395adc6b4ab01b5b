#include "cli/cache_trace.h"

#include "core/trace.h"

namespace spa {

Subscription TraceLoads(CacheManager& caches) {
  if (!trace::Writing()) return {};
  return caches.Observe(Bit(CacheEventType::kLoad), [](const CacheEvent& event) {
    trace::Span span("cache.load");
    // The event comes at the load's end.
    span.began -= std::chrono::duration_cast<std::chrono::system_clock::duration>(event.took);
    span.attributes = {{"cache.kind", std::string(event.kind)},
                       {"cache.key", std::string(event.key)}};
    span.failed = event.result != "ok";
    trace::Write(span, event.took);
  });
}

}  // namespace spa
