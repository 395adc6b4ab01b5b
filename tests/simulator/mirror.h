// Mirror: a drive as a client knows it that reads delta alone; and where tests of changes happen.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/simulator/simulator_client.h"

namespace spa::sim {

// The last word on each item wins.
class Mirror {
 public:
  Mirror(SimulatorClient& client, std::string drive, std::string prefer = SimulatorClient::kPrefer)
      : client_(client), drive_(std::move(drive)), prefer_(std::move(prefer)) {
    Read("/drives/" + drive_ + "/root/delta");
  }

  // Asks for what has changed. The items told, without unchanged ancestors, each as it came last.
  std::map<std::string, nlohmann::json> Follow() {
    const auto before = items;
    const auto told = Read(link_);
    std::map<std::string, nlohmann::json> changed;
    for (const auto& [id, item] : told) {
      const auto known = before.find(id);
      nlohmann::json plain = item;
      plain.erase("webUrl");
      if (known == before.end() || known->second != plain) changed[id] = item;
    }
    return changed;
  }
  // All that was told, unchanged ancestors too.
  std::map<std::string, nlohmann::json> Read(std::string target) {
    std::map<std::string, nlohmann::json> told;
    pages = 0;
    while (true) {
      const auto page = client_.Graph(target, 200, {{"prefer", prefer_}});
      ++pages;
      largest_page = std::max(largest_page, page.at("value").size());
      for (const nlohmann::json& item : page.at("value")) {
        told[item.at("id")] = item;
        if (item.contains("deleted")) {
          items.erase(item.at("id").get<std::string>());
        } else {
          nlohmann::json plain = item;
          plain.erase("@microsoft.graph.sharedChanged");
          plain.erase("webUrl");  // Follows a folder above that is told alone.
          items[item.at("id")] = plain;
        }
      }
      REQUIRE(page.contains("@odata.nextLink") != page.contains("@odata.deltaLink"));
      if (page.contains("@odata.deltaLink")) {
        DropOrphans();
        link_ = page.at("@odata.deltaLink");
        return told;
      }
      target = page.at("@odata.nextLink");
    }
  }

  std::map<std::string, nlohmann::json> items;
  int pages = 0;
  std::size_t largest_page = 0;
  const std::string& link() const { return link_; }

 private:
  // What lay in a folder that is gone may not be told one by one (wire.deleted_subtree).
  void DropOrphans() {
    const auto orphan = [this](const auto& entry) {
      const nlohmann::json& item = entry.second;
      return !item.contains("root") &&
             !items.contains(item.at("parentReference").at("id").template get<std::string>());
    };
    while (std::erase_if(items, orphan) > 0) {
    }
  }

  SimulatorClient& client_;
  std::string drive_, prefer_, link_;
};

// The largest library of the tenant that is no OneDrive.
inline const Library& Largest(const SimulatedTenant& tenant) {
  const Library* largest = nullptr;
  for (const Library& library : tenant.libraries()) {
    if (tenant.webs()[library.web].personal || library.system) continue;
    if (!largest || library.items > largest->items) largest = &library;
  }
  return *largest;
}

inline std::string Drive(const SimulatorClient& client) { return Largest(client.tenant).drive_id; }

inline nlohmann::json ChangeOn(SimulatorClient& client, nlohmann::json change) {
  change["drive"] = Drive(client);
  return client.Change(change);
}

// A file and a folder that inherit, below no other scope.
inline std::string Plain(const SimulatorClient& client, bool folder) {
  const SimulatedTenant& t = client.tenant;
  const Library& library = Largest(t);
  for (std::uint32_t item = 1; item <= library.items; ++item) {
    if (t.Exists(library, item) && t.IsFolder(library, item) == folder &&
        t.ScopeOf(library, item) == 0) {
      return t.ItemId(library, item);
    }
  }
  return "";
}

inline std::set<std::string> Keys(const std::map<std::string, nlohmann::json>& items) {
  std::set<std::string> keys;
  for (const auto& [key, item] : items) keys.insert(key);
  return keys;
}

inline constexpr const char* kFlag = "@microsoft.graph.sharedChanged";

inline std::vector<std::string> OpenDrives(const SimulatedTenant& tenant) {
  std::vector<std::string> drives;
  for (const Library& library : tenant.libraries()) {
    if (!library.deleted && tenant.webs()[library.web].state == SiteState::kOpen) {
      drives.push_back(library.drive_id);
    }
  }
  return drives;
}

}  // namespace spa::sim
