#include "permissions/sign_ins.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/ascii.h"
#include "core/graph/json.h"

namespace spa {

Result<Page<SignIn>> DecodeSignIns(std::string_view body) {
  return DecodePage<SignIn>(body, [](const json::Element& entry) {
    SignIn one;
    one.id = AsciiLower(json::Text(entry, "id"));
    if (const auto activity = json::Find(entry, "signInActivity")) {
      // All are of the form "2026-11-20T08:20:11Z": what comes last in order came last in time.
      for (const char* kind : {"lastSignInDateTime", "lastNonInteractiveSignInDateTime",
                               "lastSuccessfulSignInDateTime"}) {
        one.last = std::max(one.last, std::string(json::Text(*activity, kind)));
      }
    }
    return one;
  });
}

Task<void> SignIns::Run() {
  const bool guests = co_await store_.Do([](AuditStore& store) { return store.KnowsGuests(); });
  if (!guests) co_return;
  // No $top: how large pages may be with this field is not documented.
  GraphRead read("/users?$filter=userType%20eq%20'Guest'&$select=id,signInActivity",
                 "reading when guests signed in", /*units=*/0, Family::kDirectory);
  auto all = co_await directory_.List(std::move(read), &DecodeSignIns);
  if (!all) {
    AbortIfFatal(all.error());
    if (all.error().code != ErrorCode::kForbidden) {
      co_await store_.PutGap(std::nullopt, "sign-ins of guests", all.error());
    }
    co_return;
  }
  co_await store_.Do([&](AuditStore& store) -> Status {
    for (const SignIn& one : *all) {
      if (one.id.empty() || one.last.empty()) continue;
      const nlohmann::json value = {{"last", one.last}};
      if (auto put = store.PutSetting("sign_in:" + one.id, value.dump()); !put) return put;
    }
    if (auto settled = store.SettleSettings("sign_in:"); !settled) return settled;
    return store.PutSetting("sign_ins", "{}");
  });
}

}  // namespace spa
