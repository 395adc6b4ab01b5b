#include "cli/access_question.h"

#include <fmt/format.h>

#include "cli/access_answer.h"
#include "cli/options.h"

namespace spa {
namespace {

constexpr std::size_t kNearest = 3;

}  // namespace

Result<std::unique_ptr<AccessModel>> OpenAccessModel(const Invocation& invocation) {
  const auto config = OpenConfig(invocation.flags, invocation.environment);
  if (!config) return Fail(config.error());
  return AccessModel::Open(config->db_path, invocation.flags.run);
}

Result<AskedObject> FindObject(AccessModel& model, const std::string& text) {
  const auto found = model.rows().FindObjects(text);
  if (auto read = model.Check(); !read) return Fail(read.error());
  if (found.empty()) {
    const auto near = model.rows().FaceOf(model.rows().NearestAbove(text));
    return Fail(ErrorCode::kUsage,
                fmt::format("run {} knows no object \"{}\"", model.run().id, text),
                near ? fmt::format("the nearest above it is {}", near->url)
                     : "give its URL, its path below the host (\"/sites/…\") or its id");
  }
  if (found.size() > 1) {
    std::vector<std::string> urls;
    for (const Oid oid : found) {
      if (urls.size() < kNearest) urls.push_back(model.rows().FaceOf(oid)->url);
    }
    return Fail(ErrorCode::kUsage,
                fmt::format("\"{}\" is {} objects: {}{}", text, found.size(), fmt::join(urls, ", "),
                            found.size() > kNearest ? ", …" : ""),
                "give the URL or the id of one");
  }
  AskedObject asked;
  asked.face = *model.rows().FaceOf(found.front());
  auto scope = model.access().GrantsOf(asked.face.owner);
  if (!scope) {
    return Fail(ErrorCode::kInternal,
                fmt::format("whose permissions apply to {} is not known", asked.face.url));
  }
  asked.scope = *std::move(scope);
  asked.state = model.coverage().StateOf(asked.face.oid, asked.face.owner);
  return asked;
}

Result<Node> FindPrincipal(AccessModel& model, const std::string& text) {
  const Principals& principals = model.principals();
  const auto found = principals.Find(text);
  if (found.size() == 1) return found.front();
  std::vector<std::string> names;
  if (found.empty()) {
    for (const std::string& name : principals.Nearest(text, kNearest)) {
      names.push_back(fmt::format("\"{}\"", name));
    }
    return Fail(ErrorCode::kUsage,
                fmt::format("run {} knows nobody called \"{}\"", model.run().id, text),
                names.empty() ? "give a user principal name, a mail address, an id or a name"
                              : fmt::format("the nearest are {}", fmt::join(names, ", ")));
  }
  for (const Node node : found) {
    if (names.size() >= kNearest) break;
    const Principal& p = principals.At(node);
    names.push_back(fmt::format("{} {}", KindOf(p),
                                !p.login.empty()                        ? p.login
                                : p.kind == Principal::Kind::kSiteGroup ? p.key
                                                                        : p.id));
  }
  return Fail(ErrorCode::kUsage,
              fmt::format("\"{}\" is {} principals: {}{}", text, found.size(),
                          fmt::join(names, ", "), found.size() > kNearest ? ", …" : ""),
              "give the user principal name or the id of one");
}

}  // namespace spa
