  (func $jit1.program (;38;) (type 0) (param i32) (result i32)
    (local i32 i32 i32)
    i32.const 295648
    local.get 0
    i32.lt_u
    if
      nop
      call $"(anonymous namespace)::overflow()"
    end
    local.get 0
    i32.const 297696
    local.get 0
    i32.const 4
    i32.add
    nop
    call $"(anonymous namespace)::allocateClosure((anonymous namespace)::Func*, unsigned int*)"
    i32.store offset=4
    local.get 0
    i32.load offset=4
    local.set 1
    local.get 1
    local.get 0
    i32.load offset=4
    i32.store offset=7
    local.get 0
    local.get 0
    i32.load offset=4
    i32.store offset=8
    local.get 0
    i32.const 60
    i32.store offset=12
    block (result i32)
      block
        local.get 0
        i32.load offset=8
        local.tee 1
        i32.const 3
        i32.and
        i32.const 1
        i32.ne
        br_if 0
        local.get 1
        i32.load offset=3
        local.tee 2
        i32.load
        local.tee 3
        i32.eqz
        br_if 0
        local.get 2
        i32.load offset=4
        i32.const 1
        i32.ne
        br_if 0
        local.get 0
        i32.const 8
        i32.add
        local.get 3
        call_indirect (type 0)
        br 1
      end
      local.get 0
      i32.const 8
      i32.add
      i32.const 1
      nop
      call $"(anonymous namespace)::apply(unsigned int*, unsigned int)"
    end
  )
