// RoleAssignments: who holds which rights on a web, list or item, by SharePoint REST.
//
// Asked with everything in one answer; where the set is so large that the service gives up on that
// (an intermittent 500, permissions.md 3.2), the rights alone are read and joined with the site's
// users and groups, which are read once then.
//
// Many of one site travel together, up to a hundred in a request; one that fails there is asked for
// again by itself.
//
// Threads: the io_context's thread. One RoleAssignments serves many reads at once.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/graph/sharepoint_batch.h"
#include "core/graph/sharepoint_client.h"
#include "core/model.h"

namespace spa {

class RoleAssignments {
 public:
  explicit RoleAssignments(SharePointClient& sharepoint) : sharepoint_(sharepoint) {}

  // `web`: "https://…/_api/web"; `below`: what is asked for, "" or "/lists(guid'…')…".
  [[nodiscard]] Task<Result<std::vector<Grant>>> Read(std::string web, std::string below,
                                                      std::string what);

  using Many = std::vector<Result<std::vector<Grant>>>;
  // The same for each of `below`, in that order.
  [[nodiscard]] Task<Many> ReadMany(std::string web, std::vector<std::string> below,
                                    std::string what);
  // Captures hold one answer to one question.
  void AskOneByOne() { batches_ = false; }

 private:
  // Those that were answered; the others are for Read.
  using Answered = std::vector<std::optional<std::vector<Grant>>>;
  [[nodiscard]] Task<Answered> ReadBatch(std::string web, std::vector<std::string> urls,
                                         std::string what);
  void Heed(const sharepoint_batch::Answer& refused);
  using Known = std::unordered_map<std::string, Grant>;  // by number in the site
  [[nodiscard]] Task<Result<std::vector<Grant>>> ReadApart(std::string web, std::string url,
                                                           std::string what);
  [[nodiscard]] Task<Result<std::shared_ptr<const Known>>> EverybodyOf(std::string web);

  SharePointClient& sharepoint_;
  bool batches_ = true;
  std::map<std::string, std::shared_ptr<const Known>> known_;  // by web
};

}  // namespace spa
