#include "simulator/mutation.h"

#include <fmt/format.h>

#include <algorithm>

#include "simulator/principals.h"

namespace spa::sim {

struct Mutation::Row {
  std::string_view name;
  int weight;  // among random changes
  bool (Mutation::*change)(const Json& ask, Kind kind);
  Kind kind = Kind::kItem;
};

const Mutation::Row Mutation::kRows[] = {
    {"file.add", 12, &Mutation::AddFile},
    {"folder.add", 5, &Mutation::AddFolder},
    {"item.delete", 8, &Mutation::DeleteItem},
    {"item.rename", 10, &Mutation::RenameItem},
    {"item.move", 8, &Mutation::MoveItem},
    {"item.edit", 15, &Mutation::EditItem},
    {"item.share", 12, &Mutation::Share},
    {"item.unshare", 7, &Mutation::Ungrant, Kind::kItem},
    {"item.grant", 5, &Mutation::Grant, Kind::kItem},
    {"item.break", 4, &Mutation::Break, Kind::kItem},
    {"item.inherit", 5, &Mutation::Inherit, Kind::kItem},
    {"link.people", 3, &Mutation::LinkPeople},
    {"link.expiry", 3, &Mutation::LinkExpiry},
    {"library.add", 1, &Mutation::AddLibrary},
    {"library.delete", 1, &Mutation::DeleteLibrary},
    {"library.rename", 1, &Mutation::RenameLibrary},
    {"library.grant", 2, &Mutation::Grant, Kind::kLibrary},
    {"library.ungrant", 1, &Mutation::Ungrant, Kind::kLibrary},
    {"library.break", 1, &Mutation::Break, Kind::kLibrary},
    {"library.inherit", 1, &Mutation::Inherit, Kind::kLibrary},
    {"list.grant", 1, &Mutation::Grant, Kind::kList},
    {"list.ungrant", 1, &Mutation::Ungrant, Kind::kList},
    {"list.break", 1, &Mutation::Break, Kind::kList},
    {"list.inherit", 1, &Mutation::Inherit, Kind::kList},
    {"listitem.add", 2, &Mutation::AddListItem},
    {"listitem.delete", 2, &Mutation::DeleteListItem},
    {"listitem.grant", 1, &Mutation::Grant, Kind::kListItem},
    {"listitem.ungrant", 1, &Mutation::Ungrant, Kind::kListItem},
    {"listitem.break", 2, &Mutation::Break, Kind::kListItem},
    {"listitem.inherit", 1, &Mutation::Inherit, Kind::kListItem},
    {"web.grant", 2, &Mutation::Grant, Kind::kWeb},
    {"web.ungrant", 1, &Mutation::Ungrant, Kind::kWeb},
    {"web.break", 1, &Mutation::Break, Kind::kWeb},
    {"web.inherit", 1, &Mutation::Inherit, Kind::kWeb},
    {"site.add", 1, &Mutation::AddSite},
    {"site.delete", 1, &Mutation::DeleteSite},
    {"site.rename", 1, &Mutation::RenameSite},
    {"group.add_member", 3, &Mutation::AddMember},
    {"group.remove_member", 3, &Mutation::RemoveMember},
    {"sitegroup.add_member", 3, &Mutation::AddSiteMember},
    {"sitegroup.remove_member", 3, &Mutation::RemoveSiteMember},
};

Result<std::string> Mutation::Apply(std::string_view body) {
  const Json ask = Json::parse(body, nullptr, false);
  const bool random = ask.is_object() && ask.contains("count");
  if (!ask.is_object() || (random && !ask["count"].is_number_unsigned()) ||
      (!random && !(ask.contains("changes") && ask["changes"].is_array())) ||
      (ask.contains("seed") && !ask["seed"].is_number_unsigned())) {
    return Fail(ErrorCode::kUsage, "neither {\"seed\", \"count\"} nor {\"changes\": [...]}");
  }
  seed_ = Hash(t_.spec().seed, ask.value("seed", std::uint64_t{1}), t_.position());
  const auto find = [](const Json& name) -> const Row* {
    const auto found = std::find_if(std::begin(kRows), std::end(kRows),
                                    [&](const Row& row) { return name == row.name; });
    return found == std::end(kRows) ? nullptr : found;
  };
  Json changes = Json::array();
  why_ = "nothing is asked for";
  auto refused = [&](std::string_view kind) {
    return Fail(ErrorCode::kUsage, fmt::format("change {} '{}': {}", changes.size(), kind, why_));
  };
  if (!random) {
    for (const Json& each : ask["changes"]) {
      const std::string kind = each.is_object() ? Field(each, "kind") : "";
      const Row* row = find(kind);
      if (!row) why_ = "there is no such kind";
      if (!row || !DoOne(*row, each)) return refused(kind);
      changes.push_back(std::move(done_));
    }
  } else {
    std::vector<const Row*> bag;
    if (ask.contains("kinds")) {
      for (const Json& name : ask["kinds"]) {
        const Row* row = find(name);
        if (!row) why_ = "there is no such kind";
        if (!row) return refused(name.dump());
        bag.push_back(row);
      }
    } else {
      for (const Row& row : kRows)
        bag.insert(bag.end(), static_cast<std::size_t>(row.weight), &row);
    }
    if (bag.empty()) return refused("kinds");
    const auto count = ask["count"].get<std::uint64_t>();
    int failures = 0;  // Some kinds have nothing left to be done to.
    while (changes.size() < count) {
      const Row& row = *bag[Next() % bag.size()];
      if (DoOne(row, Json::object())) {
        changes.push_back(std::move(done_));
        failures = 0;
      } else if (++failures > 200) {
        return refused(row.name);
      }
    }
  }
  return Json{{"position", t_.position()}, {"changes", std::move(changes)}}.dump();
}

bool Mutation::DoOne(const Row& row, const Json& ask) {
  changer_.Begin();
  done_ = Json{{"kind", row.name}};
  return (this->*row.change)(ask, row.kind);
}

std::string Mutation::Field(const Json& ask, const char* key) {
  return ask.contains(key) && ask[key].is_string() ? ask[key].get<std::string>() : std::string();
}

std::uint32_t Mutation::Number(const Json& ask, const char* key, std::uint32_t otherwise) {
  return ask.contains(key) && ask[key].is_number_unsigned() ? ask[key].get<std::uint32_t>()
                                                            : otherwise;
}

bool Mutation::No(std::string why) {
  why_ = std::move(why);
  return false;
}

const Web& Mutation::WebOf(const Securable& object) const {
  switch (object.kind) {
    case Kind::kWeb:
      return t_.webs()[object.number];
    case Kind::kLibrary:
    case Kind::kItem:
      return t_.webs()[t_.libraries()[object.number].web];
    case Kind::kList:
    case Kind::kListItem:
      break;
  }
  return t_.webs()[t_.lists()[object.number].web];
}

// The ids the services and the truth know the object by.
void Mutation::Tell(const Securable& object) {
  done_["site"] = WebOf(object).id;
  std::string id = WebOf(object).id;
  if (object.kind == Kind::kLibrary || object.kind == Kind::kItem) {
    const Library& library = t_.libraries()[object.number];
    done_["drive"] = library.drive_id;
    id = t_.ItemId(library, object.item);
    if (object.kind == Kind::kItem) {
      done_["item"] = id;
      done_["folder"] = t_.IsFolder(library, object.item);
      done_["parent"] = t_.ItemId(library, t_.ParentOf(library, object.item));
      std::string name;
      t_.AppendName(name, library, object.item);
      done_["name"] = name;
    }
  } else if (object.kind != Kind::kWeb) {
    id = Text(t_.lists()[object.number].list_id);
    done_["list"] = id;
    if (object.kind == Kind::kListItem) {
      done_["item"] = object.item;
      id += fmt::format("/{}", object.item);
    }
  }
  done_["object_id"] = id;
}

}  // namespace spa::sim
