// SharingSettings: with whom the tenant and each site let people share at all, and which label a
// site carries (permissions.md 2.4, 3.8).
//
// Graph tells of the tenant, with SharePointTenantSettings.Read.All. Of a site only SharePoint's
// administration tells, site by site: its listings leave the label empty and call sharing off
// where it is not. Whether an application may ask there is not documented: the first refusal is
// believed, is a gap, and nobody is asked again in this run.
//
// Threads: the io_context's thread. One serves many sites at once.
#pragma once

#include <string>
#include <string_view>

#include "core/graph/batch_queue.h"
#include "core/graph/sharepoint_client.h"
#include "core/store/store_writer.h"

namespace spa {

class SharingSettings {
 public:
  struct Parts {
    BatchQueue& batches;
    SharePointClient* sharepoint;  // null: sites are not asked about
    StoreWriter& store;
  };
  SharingSettings(Parts parts, const std::string& tenant_url);

  [[nodiscard]] Task<void> ReadTenant();
  [[nodiscard]] Task<void> ReadSite(Site site);  // the topmost of a collection

 private:
  Parts parts_;
  std::string admin_;      // "https://contoso-admin.sharepoint.com"
  bool answered_ = false;  // for some site
  bool refused_ = false;
};

// Where SharePoint's administration answers for the tenant with this root.
std::string AdminOrigin(const std::string& tenant_url);

// As the store keeps them, JSON. kMalformed where the answer says nothing of sharing.
Result<std::string> DecodeTenantSharing(std::string_view body);
Result<std::string> DecodeSiteSharing(std::string_view body);

}  // namespace spa
