// FirstLook: what a tenant looks like from its listings alone: sites, webs, libraries and lists, as
// the audit walks them, but no item and no permission.
//
// Where SharePoint's own interface listens it is asked, per web, how many items each list holds and
// which lists own a scope, and per collection its site groups: they tell which items own a sharing
// link. Without it each library's root is asked for its size, and items are guessed from that.
// The cache is not used, so that an audit that follows costs what was forecast.
//
// Threads: call from the main thread; it runs its own io_context to its end. SIGINT and SIGTERM end
// it early. What it notes goes to a scratch database that is gone afterwards.
// Errors: what stops an audit as a whole would stop it, too. A site that refuses counts as that.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "core/config/config.h"
#include "core/graph/service_client.h"
#include "core/tenant_figures.h"

namespace spa {

struct FirstLook {
  FirstLook() = default;
  TenantFigures figures;
  bool rest = false;  // SharePoint's own interface listens to the credential.
  ApiCounters api;
  double seconds_per_request = 0;
  std::vector<std::string> assumptions;  // Sentences: what could not be seen.
  bool interrupted = false;
};

Result<FirstLook> LookAtTenant(const Config& config, std::chrono::seconds patience, bool quiet);

}  // namespace spa
