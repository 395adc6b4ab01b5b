// TenantSpec: what the simulated tenant is made of, how it speaks, and what goes wrong.
//
// Three parts: the truth (sites, items, scopes, people), `wire` (how the services answer: page
// sizes, which preferences they honour, token life) and `faults` (how often they fail). All from
// one small JSON file, every field with a default; an unknown key is an error that names the
// nearest known one. docs/simulator.md has one line per field and the fact it follows.
//
// Plain data. Rates are probabilities in [0, 1]; the same spec always makes the same tenant.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace spa {

// How the services answer. graph.md 4, 8; permissions.md 1.3.
struct WireSpec {
  std::string prefer_mode = "honour";  // honour | ignore | honour-without-empty-facet
  double prefer_ignored_drives = 0;    // this share of drives ignores the preference anyway
  bool preference_applied = false;     // answer with a Preference-Applied header
  bool require_prefer_helpers = true;  // 400 for deltashowsharingchanges without its helpers
  std::string top = "ignore";          // delta's $top: ignore | honour
  int delta_page = 200;                // new items per page, before ancestors
  int sites_page = 200;
  int drives_page = 200;  // drives, lists and subsites
  int permissions_page = 200;
  int members_page = 100;        // without $top
  bool repeat_ancestors = true;  // each page names the ancestors of its items again
  double duplicate_rate = 0;     // items that come a page early with an older name
  double empty_page_rate = 0;    // empty pages that have a nextLink
  bool empty_last_page = false;
  int gone_at_page = 0;       // 410 at this page of a drive, once per drive; 0: never
  bool gone_location = true;  // the 410 names a fresh start in Location
  std::string gone_code = "resyncRequired";
  int deleted_page = 7;  // deleted items per page
  // What delta tells of changes (graph.md 4.7).
  std::string deleted_subtree = "all";  // of a deleted folder: all | folder
  std::string unshared = "unflagged";   // access taken away: silent | unflagged | flagged
  bool link_edits_told = false;         // people and expiry of a link that is there
  bool library_scope_told = false;      // the library's own grants, as its root
  std::string shared_changed = "bool";  // sharedChanged: bool | string
  bool shared_changed_on_folders = false;
  bool prefer_change_gone = true;        // 410 for sharing changes asked of a token made without
  int delta_token_lifetime_changes = 0;  // a drive remembers so many changes; 0: all
  std::string inherited_from = "empty";  // inherited entries: empty | absent | full
  bool deprecated_twins = false;         // grantedTo beside grantedToV2
  double empty_roles_rate = 0;           // entries whose roles list is empty
  double no_aad_id_rate = 0;             // people whom SharePoint knows without AadObjectId
  int large_acl =
      0;  // role assignments of more rows fail with 500 where Member is asked for; 0: none
  double permissions_404_rate = 0;  // items that are gone when their permissions are read
  bool gzip = false;                // compress where the client accepts it
  int token_lifetime = 3599;        // seconds
  bool secret_expired = false;      // AADSTS7000222
  std::string admin_api = "open";   // SharePoint's administration: open | refused | absent
  bool settings_in_value = false;   // the tenant's settings stand within "value"
  bool sign_in_activity = true;     // the tenant has the licence for it
  bool label_column = true;         // libraries have one
  std::vector<std::string> roles = {
      "Sites.FullControl.All", "GroupMember.Read.All", "User.Read.All",
      "SharePointTenantSettings.Read.All",
      "AuditLog.Read.All"};               // empty: a token without consent, then 403
  bool rest_refuses_401 = false;          // SharePoint REST says 401 where Graph says 403
  bool separate_sharepoint_host = false;  // webUrls say localhost, so audiences differ from Graph's
};

// What goes wrong, decided by seed and request number. Never for /__sim routes.
struct FaultSpec {
  double rate_429 = 0;
  double rate_503 = 0;
  double rate_502 = 0;  // empty body
  double rate_504 = 0;  // HTML body
  double rate_500 = 0;
  double rate_reset = 0;       // connection reset before the answer
  double rate_reset_body = 0;  // connection reset in the middle of the body
  double rate_truncated = 0;   // half the JSON, correctly framed
  double rate_html = 0;        // HTML with status 200
  double rate_slow = 0;        // body in pieces, slow_ms apart
  int slow_ms = 50;
  int latency_ms = 0;               // added to every answer
  int latency_jitter_ms = 0;        // plus up to this much
  std::string retry_after = "int";  // int | decimal | date | missing | mixed
  double retry_after_seconds = 1;
  bool batch_parts = true;   // the 429 rate also holds for each part of a batch
  bool login = false;        // faults for token requests too
  int units_per_minute = 0;  // SharePoint resource units; 0: no limit
  int units_per_day = 0;
  int directory_units_per_10s = 0;
  int minute_ms = 60'000;  // how long a "minute" lasts; shorter in tests
};

struct TenantSpec {
  std::uint64_t seed = 1;
  std::string tenant_id = "4f1c2b7a-5d0e-4a33-9d7e-0c8b1e6f2a10";
  std::string client_id = "9b7d5e21-0a4c-4f0e-8d3b-6e2f1c9a7b55";
  std::string client_secret = "simulated~secret.value+1/x";
  std::string federated_issuer = "https://issuer.simulated";
  std::string federated_subject = "system:serviceaccount:audit:runner";
  std::string host = "fabrikam.sharepoint.com";  // -my. and -admin. follow from it
  std::string domain = "fabrikam.com";           // of the people
  std::string initial_domain = "fabrikam.onmicrosoft.com";

  int sites = 12;  // site collections, without personal ones
  int personal_sites = 2;
  int locked_sites = 0;  // these five are counted among `sites`
  int archived_sites = 0;
  int forbidden_sites = 0;
  int missing_sites = 0;  // listed, then 404
  int renamed_sites = 0;  // the old address answers 308
  int channel_sites = 0;  // of private channels of teams
  double subsite_rate = 0.2;
  double subsite_unique_rate = 0.5;
  std::vector<std::string> languages = {"en", "de", "ja"};

  int libraries_per_site = 2;
  bool system_libraries = true;  // one more per web, told only where `system` is selected
  double library_unique_rate = 0.25;
  std::int64_t items = 3'000;  // files and folders of all libraries together, exactly
  double folder_rate = 0.1;
  int depth = 6;  // folders above a file, at most
  double odd_name_rate = 0.05;
  bool long_paths = false;  // some libraries have paths near 400 characters

  int lists_per_site = 1;
  int list_items = 20;
  double list_unique_rate = 0.2;
  double list_item_unique_rate = 0.02;
  double list_item_link_share = 0;  // of these: shared by links
  double own_items_rate = 0;        // lists that show people only what they made

  double unique_rate = 0.02;     // items that own a scope …
  double unshared_share = 0.3;   // … of these: `shared: {}`
  double direct_share = 0.3;     // … and with direct grants; the rest has links
  double empty_acl_rate = 0.02;  // of the unshared: nobody at all
  double big_acl_rate = 0;       // of the direct: 250 entries
  double custom_level_rate = 0.05;

  double anonymous_weight = 0.3;  // what a link is
  double organization_weight = 0.4;
  double users_weight = 0.3;
  double link_expired_rate = 0.1;
  double link_expires_rate = 0.2;
  double link_password_rate = 0.05;
  double link_no_download_rate = 0.1;
  double link_review_rate = 0.05;
  double link_group_rate = 0;          // links for people that may name groups, too
  double existing_access_rate = 0.02;  // scopes that also show the all-zero link

  int users = 200;
  double guest_rate = 0.1;
  double disabled_rate = 0.03;
  int otp_guests = 5;
  int groups = 30;
  double nested_group_rate = 0.2;
  double m365_rate = 0.4;
  int group_cycles = 1;
  int group_chain = 0;        // so many more, each in the one before, the first in the last …
  int chain_users = 0;        // … and so many users in the first
  int large_groups = 1;       // 1,200 members, or all users
  int hidden_groups = 1;      // members: 403
  int deleted_groups = 1;     // 404, found among the deleted items
  int purged_groups = 0;      // 404 everywhere
  int directory_roles = 0;    // in ACLs like groups, members under /directoryRoles
  double sid_group_rate = 0;  // security groups that SharePoint knows by their SID
  double dynamic_group_rate = 0.1;
  double deleted_user_rate = 0;         // people still named in ACLs; a third of them is purged
  double everyone_rate = 0.05;          // webs that grant something to Everyone …
  double eeeu_rate = 0.15;              // … to Everyone except external users
  bool foreign_eeeu = true;             // one with a GUID that is not the tenant's
  double eeeu_admin_rate = 0.03;        // collections with Everyone except external users as admin
  double forged_link_group_rate = 0.2;  // collections with a group titled like a link's
  double orphan_link_group_rate = 0;    // … with a link's group that is bound nowhere
  double windows_everyone_rate = 0;     // webs that grant to the legacy "All Users (windows)"
  double sharepoint_app_rate = 0;       // webs that grant to app@sharepoint
  // What the tenant lets people share, in Graph's words, and its sites.
  std::string sharing_capability = "externalUserAndGuestSharing";
  std::string sharing_domain_mode = "none";
  std::vector<std::string> sharing_domains;  // allowed, or blocked
  bool resharing_by_guests = true;
  double site_sharing_off_rate = 0, site_sharing_guests_rate = 0, site_sharing_existing_rate = 0;
  std::vector<std::string> labels = {"General", "Confidential"};
  double site_label_rate = 0, item_label_rate = 0;
  double stale_guest_rate = 0.2;  // guests whose last sign-in is long ago
  double app_grant_rate = 0.15;   // collections that applications have a grant of their own to

  WireSpec wire;
  FaultSpec faults;

  static Result<TenantSpec> Preset(std::string_view name);  // demo, small, medium, large
  static Result<TenantSpec> Parse(std::string_view json, std::string_view where);
  static Result<TenantSpec> Load(const std::string& path);
  static std::vector<std::string> PresetNames();

  // Changes one field: "items=500", "faults.rate_429=0.05", "languages=[\"de\"]". Values are JSON;
  // anything else is taken as text.
  Status Set(std::string_view assignment);
};

}  // namespace spa
