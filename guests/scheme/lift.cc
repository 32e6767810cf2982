// Lifting loops; the idea stands in lift.h.
#include "lift.h"

#include "closed.h"
#include "entries.h"

namespace {

constexpr uint32_t kMaxCarried = 16;

// The loop's own body, on variables of the procedure's.
class LoopCopy {
 public:
  LoopCopy(const Node *loop, Template *source) : loop(loop), procedure(newTemplate()) {
    procedure->name = source->name;
    procedure->place = source->place;
    procedure->library = source->library;
    procedure->jit = JitState::Refused;
  }

  Lifted run() {
    Lifted lifted;
    bind(loop->vars);
    if (!copiesBody(loop->body()) || !findCarried(loop->body(), lifted.carried)) return lifted;
    renamed.clear();
    targets.clear();
    for (Var *var : lifted.carried) procedure->vars.push_back(rename(var));
    Node *body = newNode();
    body->kind = Kind::Loop;
    body->place = loop->place;
    for (Var *var : loop->vars) {
      Var *first = fresh(var);
      procedure->vars.push_back(first);
      Node *value = newNode();
      value->kind = Kind::Local;
      value->var = first;
      body->args.push_back(value);
    }
    for (Var *var : loop->vars) body->vars.push_back(rename(var));
    targets.push_back({loop, body});
    body->args.push_back(copy(loop->body()));
    procedure->params = procedure->vars.size();
    procedure->shape = procedure->params | (procedure->library ? kShapeLibrary : 0);
    procedure->body = body;
    lifted.procedure = procedure;
    return lifted;
  }

 private:
  const Node *loop;
  Template *procedure;
  std::vector<std::pair<const Var *, Var *>> renamed;
  std::vector<std::pair<const Node *, Node *>> targets;

  Var *fresh(const Var *from) {
    Var *var = newVar();
    var->name = from->name;
    var->owner = procedure;
    var->assigned = from->assigned;
    return var;
  }

  Var *rename(const Var *from) {
    renamed.push_back({from, fresh(from)});
    return renamed.back().second;
  }

  Var *lookUp(const Var *var) {
    for (size_t i = renamed.size(); i-- > 0;) {
      if (renamed[i].first == var) return renamed[i].second;
    }
    return nullptr;
  }

  void bind(const Vars &vars) {
    for (Var *var : vars) renamed.push_back({var, var});
  }

  // Variables of outside must keep their values while the loop runs, and no other loop may go on from it.
  bool findCarried(const Node *node, Vars &carried) {
    bind(node->vars);
    if (node->kind == Kind::Loop) targets.push_back({node, nullptr});
    if (node->kind == Kind::Continue && !isInside(node->target)) return false;
    if (node->var && !lookUp(node->var)) {
      if (node->var->assigned) return false;
      bind({node->var});
      carried.push_back(node->var);
    }
    for (const Node *arg : node->args) {
      if (!findCarried(arg, carried)) return false;
    }
    return carried.size() + loop->vars.size() <= kMaxCarried;
  }

  bool isInside(const Node *target) {
    if (target == loop) return true;
    for (auto &[inner, copy] : targets) {
      if (inner == target) return true;
    }
    return false;
  }

  Node *copy(const Node *from) {
    Node *node = newNode();
    *node = *from;
    if (node->var) node->var = lookUp(node->var);
    for (Var *&var : node->vars) var = rename(var);
    if (node->kind == Kind::Loop) targets.push_back({from, node});
    if (node->kind == Kind::Continue) {
      for (auto &[target, own] : targets) {
        if (target == from->target) node->target = own;
      }
    }
    for (Node *&arg : node->args) arg = copy(arg);
    return node;
  }
};

struct Known {
  const Node *loop;
  Lifted lifted;
  const Known *next;
};
const Known *known;  // goes with the trees

}  // namespace

const Lifted &liftLoop(const Node *loop, Template *source) {
  for (const Known *one = known; one; one = one->next) {
    if (one->loop == loop) return one->lifted;
  }
  known = new (allocateForTrees(sizeof(Known))) Known{loop, LoopCopy(loop, source).run(), known};
  return known->lifted;
}

void finishLifted(Template *procedure) {
  if (procedure->code) return;
  compileToBytecode(procedure);
  rememberLifted(procedure);
}
