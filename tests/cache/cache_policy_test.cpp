#include "cache/cache_policy.h"

#include "tests/catch.h"

using namespace spa;
using namespace std::chrono_literals;

TEST_CASE("Group members are fresh for six hours", "[cache][ttl][S4-13]") {
  CHECK(PolicyOf(CacheKind::kGroupMembers).fresh == 21600s);
  CHECK(PolicyOf(CacheKind::kGroupMembers).name == "group_members");
}

TEST_CASE("What the audit looks up repeatedly has a row of its own", "[cache][S1-61]") {
  for (const auto& [kind, name] : {std::pair{CacheKind::kSite, "site"},
                                   {CacheKind::kDrive, "drive"},
                                   {CacheKind::kList, "list"},
                                   {CacheKind::kItem, "item"},
                                   {CacheKind::kUser, "user"},
                                   {CacheKind::kPermissionSet, "permission_set"}}) {
    CHECK(PolicyOf(kind).name == name);
  }
}

TEST_CASE("A failure is remembered as long as it is likely to stay",
          "[cache][ttl][S2-11][S2-50][S2-54]") {
  CHECK(NegativeTtl(Error(ErrorCode::kNotFound, "")) == 300s);
  CHECK(NegativeTtl(Error(ErrorCode::kForbidden, "")) == 600s);
  CHECK(NegativeTtl(Error(ErrorCode::kUnsupported, "")) == 600s);
  CHECK(NegativeTtl(Error(ErrorCode::kLocked, "")) == 60s);
  Error broken(ErrorCode::kUnreachable, "");
  for (const int status : {500, 502, 504}) {
    broken.http_status = status;
    CHECK(NegativeTtl(broken) == 60s);
  }
  broken.http_status = 503;
  CHECK_FALSE(NegativeTtl(broken));
}

TEST_CASE("A failure that may be over at once is never remembered") {
  const ErrorCode code =
      GENERATE(ErrorCode::kUsage, ErrorCode::kAuth, ErrorCode::kUnreachable, ErrorCode::kThrottled,
               ErrorCode::kGone, ErrorCode::kRefused, ErrorCode::kMalformed, ErrorCode::kStorage,
               ErrorCode::kBusy, ErrorCode::kInternal);

  CHECK_FALSE(NegativeTtl(Error(code, "")));
}

TEST_CASE("A refused token and a named time to come back are never remembered") {
  Error unauthorized(ErrorCode::kForbidden, "");
  unauthorized.http_status = 401;
  CHECK_FALSE(NegativeTtl(unauthorized));

  Error later(ErrorCode::kLocked, "");
  later.retry_after = std::chrono::duration<double>(2.5);
  CHECK_FALSE(NegativeTtl(later));
}
