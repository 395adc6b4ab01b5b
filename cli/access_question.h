// What the commands `who` to `whatif` are asked about: the run, the object, the principal.
//
// Errors: kUsage with one sentence for what is not there or not unique, and the nearest there are.
#pragma once

#include <memory>
#include <string>

#include "cli/access_model.h"
#include "cli/commands.h"

namespace spa {

Result<std::unique_ptr<AccessModel>> OpenAccessModel(const Invocation& invocation);

// The object, and the grants of the scope that applies to it.
struct AskedObject {
  AskedObject() = default;
  ObjectFace face;
  ScopeGrants scope;
  ObjectState state;  // whether its permissions were read
};
Result<AskedObject> FindObject(AccessModel& model, const std::string& text);
Result<Node> FindPrincipal(AccessModel& model, const std::string& text);

}  // namespace spa
