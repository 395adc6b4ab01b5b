#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <unordered_map>

#include "simulator/graph_service.h"
#include "simulator/json_out.h"

namespace spa::sim {
namespace {

using What = LoggedChange::What;

bool Prefers(const Request& request, std::string_view value) {
  return Lower(request.Header("prefer")).find(value) != std::string::npos;
}

constexpr char kSharing[] = "deltashowsharingchanges";

}  // namespace

// What a delta token says: where to go on, and the options of the first call.
struct GraphService::Token {
  bool changes = false;      // tells what has changed after `position`
  bool after_empty = false;  // the empty page before this one has been sent
  std::uint32_t offset = 0;  // of a full enumeration: the next item
  std::uint32_t page = 1;
  std::uint32_t select = 0;
  std::uint32_t size = 200;
  std::uint64_t position = 0;  // of a full enumeration: when it began
  bool sharing = false;        // asked for with deltashowsharingchanges
  std::uint32_t epoch = 0;

  std::string Write() const {
    return Base64Url(fmt::format("3;%234;{};{};{};{};{};{};{};{};{}", changes ? 'c' : 'f',
                                 after_empty ? 1 : 0, offset, page, select, size, position,
                                 sharing ? 1 : 0, epoch));
  }
  static std::optional<Token> Read(std::string_view text) {
    const auto plain = FromBase64(text);
    if (!plain || !plain->starts_with("3;%234;") || plain->size() < 9) return std::nullopt;
    Token token;
    token.changes = (*plain)[7] == 'c';
    std::uint64_t fields[8] = {};
    const char* at = plain->data() + 9;
    const char* end = plain->data() + plain->size();
    for (auto& field : fields) {
      const auto parsed = std::from_chars(at, end, field);
      if (parsed.ec != std::errc{}) return std::nullopt;
      at = parsed.ptr == end ? end : parsed.ptr + 1;
    }
    token.after_empty = fields[0] != 0;
    token.offset = static_cast<std::uint32_t>(fields[1]);
    token.page = static_cast<std::uint32_t>(fields[2]);
    token.select = static_cast<std::uint32_t>(fields[3]);
    token.size = std::max(1u, static_cast<std::uint32_t>(fields[4]));
    token.position = fields[5];
    token.sharing = fields[6] != 0;
    token.epoch = static_cast<std::uint32_t>(fields[7]);
    return token;
  }
};

void GraphService::ExpireTokens(const std::vector<std::uint32_t>* libraries) {
  const std::lock_guard lock(mutex_);
  ++epoch_;
  if (!libraries) expired_epoch_ = epoch_;
  if (libraries) {
    for (const std::uint32_t library : *libraries) expired_drives_[library] = epoch_;
  }
}

std::string GraphService::DeltaUrl(const Request& request, const Library& library,
                                   const Token& token) const {
  return fmt::format("{}/drives/{}/items/{}/delta?token={}", Base(request), library.drive_id,
                     t_.ItemId(library, 0), token.Write());
}

Response GraphService::Delta(const Request& request, const Library& library,
                             std::string_view text) {
  Response error;
  const std::string expand = Lower(request.Query("$expand"));
  if (expand.find("permissions") != std::string::npos) {
    error = GraphError(501, "notSupported", "Permission is not supported in this item.");
  } else if (!expand.empty()) {
    error = GraphError(400, "badArgument", "This expansion is not supported.");
  } else if (t_.spec().wire.require_prefer_helpers && Prefers(request, kSharing) &&
             !(Prefers(request, "deltashowremovedasdeleted") &&
               Prefers(request, "deltatraversepermissiongaps"))) {
    error = GraphError(400, "invalidRequest",
                       "Must also prefer deltashowremovedasdeleted and deltatraversepermissiongaps "
                       "when preferring deltashowsharingchanges for a user request.");
  }
  if (error.status != 200) {
    error.route = "graph delta";
    error.units = 2;
    return error;
  }
  Token token;
  token.select = SelectMask(request);
  token.size = static_cast<std::uint32_t>(t_.spec().wire.delta_page);
  token.position = t_.position();
  token.sharing = Prefers(request, kSharing);
  {
    const std::lock_guard lock(mutex_);
    token.epoch = epoch_;
  }
  if (t_.spec().wire.top == "honour" && request.HasQuery("$top")) {
    token.size =
        std::clamp<std::uint32_t>(static_cast<std::uint32_t>(std::strtoul(
                                      std::string(request.Query("$top")).c_str(), nullptr, 10)),
                                  1, 1000);
  }
  const bool time = text.size() > 10 && text[4] == '-' && text[10] == 'T';
  if (text == "latest" || time) {
    token.changes = true;
    if (time) token.position = t_.PositionAt(text);
  } else if (!text.empty()) {
    const auto read = Token::Read(text);
    if (!read || read->offset > library.items + 1 || read->position > t_.position()) {
      Response bad = GraphError(400, "invalidRequest", "The provided token is malformed.");
      bad.route = "graph delta";
      bad.units = 1;
      return bad;
    }
    token = *read;
  }
  Response response = IsGone(request, library, token) ? Gone(request, library, token)
                      : token.changes                 ? ChangesPage(request, library, token)
                                                      : DeltaPage(request, library, token);
  response.units = token.changes ? 1 : 2;
  response.route = token.changes ? "graph delta changes" : "graph delta";
  return response;
}

bool GraphService::IsGone(const Request& request, const Library& library, const Token& token) {
  const WireSpec& wire = t_.spec().wire;
  if (token.changes && wire.prefer_change_gone && Prefers(request, kSharing) && !token.sharing) {
    return true;
  }
  if (token.changes && wire.delta_token_lifetime_changes > 0 && library.changes) {
    const auto& log = library.changes->log;
    const auto kept = static_cast<std::size_t>(wire.delta_token_lifetime_changes);
    if (log.size() > kept && log[log.size() - kept - 1].position > token.position) return true;
  }
  const std::lock_guard lock(mutex_);
  const auto expired = expired_drives_.find(library.number);
  if (token.epoch < expired_epoch_ ||
      (expired != expired_drives_.end() && token.epoch < expired->second)) {
    return true;
  }
  return !token.changes && wire.gone_at_page > 0 &&
         static_cast<int>(token.page) == wire.gone_at_page && gone_.insert(library.number).second;
}

// graph.md 4.7
Response GraphService::Gone(const Request& request, const Library& library, const Token& token) {
  const WireSpec& wire = t_.spec().wire;
  Response gone = GraphError(410, wire.gone_code, "Resync required.");
  if (wire.gone_location) {
    Token fresh;
    fresh.select = token.select;
    fresh.size = token.size;
    fresh.position = t_.position();
    fresh.sharing = Prefers(request, kSharing);
    {
      const std::lock_guard lock(mutex_);
      fresh.epoch = epoch_;
    }
    gone.headers.emplace_back("Location", DeltaUrl(request, library, fresh));
  }
  return gone;
}

bool GraphService::Ignores(const Library& library) const {
  const WireSpec& wire = t_.spec().wire;
  return wire.prefer_mode == "ignore" || Unit(Hash(library.seed, 91)) < wire.prefer_ignored_drives;
}

// The ancestors that are not in `items` themselves, nearest to the root first.
std::vector<std::uint32_t> GraphService::AncestorsOf(
    const Library& library, const std::vector<std::uint32_t>& items) const {
  std::vector<std::uint32_t> ancestors;
  // In a full enumeration the items are in order.
  const bool sorted = std::is_sorted(items.begin(), items.end());
  const auto told = [&](std::uint32_t item) {
    return sorted ? std::binary_search(items.begin(), items.end(), item)
                  : std::find(items.begin(), items.end(), item) != items.end();
  };
  for (const std::uint32_t item : items) {
    if (!t_.Exists(library, item)) continue;
    for (std::uint32_t at = item; at > 0;) {
      at = t_.ParentOf(library, at);
      if (told(at)) break;
      if (std::find(ancestors.begin(), ancestors.end(), at) != ancestors.end()) break;
      ancestors.push_back(at);
    }
  }
  std::reverse(ancestors.begin(), ancestors.end());
  return ancestors;
}

Response GraphService::DeltaPage(const Request& request, const Library& library,
                                 const Token& token) {
  const WireSpec& wire = t_.spec().wire;
  const bool hierarchical = !Ignores(library) && Prefers(request, "hierarchicalsharing");
  const std::uint32_t count = library.items + 1;
  Response response;
  response.body.reserve(token.size * 640 + 4096);
  JsonOut json(response.body);
  json.Open('{').Field("@odata.context",
                       request.Origin() + "/v1.0/$metadata#Collection(driveItem)");
  json.Open("value", '[');
  Token next = token;
  bool finished = false;
  const bool empty =
      !token.after_empty && Unit(Hash(library.seed, 92, token.offset)) < wire.empty_page_rate;
  if (empty) {
    next.after_empty = true;
  } else {
    auto write = [&](std::uint32_t item, bool stale) {
      json.Open('{');
      WriteItem(json, request, library, item, token.select, hierarchical, stale);
      json.Close('}');
    };
    std::vector<std::uint32_t> items;
    items.reserve(token.size);
    std::uint32_t end = token.offset;
    for (; end < count && items.size() < token.size; ++end) {
      if (t_.Exists(library, end)) items.push_back(end);
    }
    if (wire.repeat_ancestors) {
      for (const std::uint32_t item : AncestorsOf(library, items)) write(item, false);
    }
    for (const std::uint32_t item : items) write(item, false);
    if (wire.duplicate_rate > 0) {  // Seen early, as they were; the later page wins.
      for (std::uint32_t item = end; item < std::min(count, end + token.size); ++item) {
        if (t_.Exists(library, item) && Unit(Hash(library.seed, 93, item)) < wire.duplicate_rate) {
          write(item, true);
        }
      }
    }
    next.offset = end;
    next.after_empty = false;
    ++next.page;
    finished = end >= count && (!wire.empty_last_page || token.offset >= count);
  }
  json.Close(']');
  if (finished) {  // Changes are told from when the enumeration began.
    next.changes = true;
    next.offset = 0;
    next.page = 1;
  }
  json.Field(finished ? "@odata.deltaLink" : "@odata.nextLink", DeltaUrl(request, library, next));
  json.Close('}');
  if (wire.preference_applied && hierarchical) {
    response.headers.emplace_back("Preference-Applied", "hierarchicalsharing");
  }
  return response;
}

// graph.md 4.7: what of the log this drive tells at all, whatever the request prefers.
bool GraphService::Visible(const Library& library, const Token& token, What what) const {
  const WireSpec& wire = t_.spec().wire;
  // A OneDrive tells sharing unasked (graph.md 4.4).
  const bool sharing = t_.webs()[library.web].personal || (token.sharing && !Ignores(library));
  switch (what) {
    case What::kItem:
    case What::kDeleted:
      return true;
    case What::kDeletedBelow:
      return wire.deleted_subtree == "all";
    case What::kShared:
      return sharing;
    case What::kUnshared:
      return sharing && wire.unshared != "silent";
    case What::kLinkEdited:
      return sharing && wire.link_edits_told;
    case What::kLibraryScope:
      return sharing && wire.library_scope_told;
  }
  return true;
}

// Each item once, as it is now, in the order of its last change that is told; links go on after the
// last one of the page, so that what changes meanwhile comes later.
Response GraphService::ChangesPage(const Request& request, const Library& library,
                                   const Token& token) {
  const WireSpec& wire = t_.spec().wire;
  const bool ignored = Ignores(library);
  const bool hierarchical = !ignored && Prefers(request, "hierarchicalsharing");
  // Preferences are not remembered in links (graph.md 4.2).
  Token asked = token;
  asked.sharing = Prefers(request, kSharing);
  struct Told {
    std::uint64_t position = 0;
    bool shared = false;
  };
  std::unordered_map<std::uint32_t, Told> told;
  if (library.changes) {
    const auto& log = library.changes->log;
    auto at = std::upper_bound(log.begin(), log.end(), token.position,
                               [](std::uint64_t position, const LoggedChange& change) {
                                 return position < change.position;
                               });
    for (; at != log.end(); ++at) {
      if (!Visible(library, asked, at->what)) continue;
      Told& item = told[at->item];
      item.position = at->position;
      item.shared |= at->what == What::kShared || at->what == What::kLinkEdited ||
                     at->what == What::kLibraryScope ||
                     (at->what == What::kUnshared && wire.unshared == "flagged");
    }
  }
  std::vector<std::pair<std::uint64_t, std::uint32_t>> order;
  for (const auto& [item, what] : told) order.emplace_back(what.position, item);
  std::sort(order.begin(), order.end());

  Response response;
  JsonOut json(response.body);
  json.Open('{').Field("@odata.context",
                       request.Origin() + "/v1.0/$metadata#Collection(driveItem)");
  json.Open("value", '[');
  Token next = token;
  bool finished = false;
  if (!order.empty() && !token.after_empty &&
      Unit(Hash(library.seed, 94, token.position)) < wire.empty_page_rate) {
    next.after_empty = true;
  } else {
    auto write = [&](std::uint32_t item, bool stale) {
      json.Open('{');
      if (!t_.Exists(library, item)) {
        WriteDeleted(json, library, item, token.select);
      } else {
        WriteItem(json, request, library, item, token.select, hierarchical, stale);
        const auto found = told.find(item);
        const bool flagged = found != told.end() && found->second.shared && asked.sharing &&
                             !ignored && !stale &&
                             (wire.shared_changed_on_folders || !t_.IsFolder(library, item));
        if (flagged && wire.shared_changed == "bool") {
          json.Field("@microsoft.graph.sharedChanged", true);
        } else if (flagged) {
          json.Field("@microsoft.graph.sharedChanged", "True");
        }
      }
      json.Close('}');
    };
    std::vector<std::uint32_t> items;
    std::size_t end = 0, deleted = 0;
    for (; end < order.size() && items.size() < token.size &&
           deleted < static_cast<std::size_t>(wire.deleted_page);
         ++end) {
      items.push_back(order[end].second);
      deleted += !t_.Exists(library, order[end].second);
    }
    if (wire.repeat_ancestors) {
      for (const std::uint32_t item : AncestorsOf(library, items)) write(item, false);
    }
    for (const std::uint32_t item : items) write(item, false);
    for (std::size_t i = end; i < std::min(order.size(), end + token.size); ++i) {
      const std::uint32_t item = order[i].second;
      if (t_.Exists(library, item) && Unit(Hash(library.seed, 93, item)) < wire.duplicate_rate) {
        write(item, true);
      }
    }
    next.after_empty = false;
    ++next.page;
    finished = end >= order.size() && (!wire.empty_last_page || items.empty());
    if (end > 0) next.position = order[end - 1].first;
  }
  json.Close(']');
  if (finished) {
    next.position = t_.position();
    next.page = 1;
  }
  json.Field(finished ? "@odata.deltaLink" : "@odata.nextLink", DeltaUrl(request, library, next));
  json.Close('}');
  if (wire.preference_applied && hierarchical) {
    response.headers.emplace_back("Preference-Applied", "hierarchicalsharing");
  }
  return response;
}

}  // namespace spa::sim
