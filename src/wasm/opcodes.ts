/**
 * The opcode table: one row an opcode, in the order of the binary format.
 *
 * A row gives code, name and immediates; immediates are nonterminals of the spec's binary grammar.
 * Everything that reads, skips, relocates or prints code derives from these rows, so an opcode that
 * is added here is known everywhere. A line in brackets names the feature of the rows below it.
 *
 * https://webassembly.github.io/spec/core/binary/instructions.html
 * https://github.com/WebAssembly/threads, …/exception-handling/blob/main/proposals/exception-handling/legacy
 */

/** What WebAssembly grew by after its first version, under the names that tools know. */
export const FEATURES = [
  'mvp',
  'sign-extension',
  'saturating-float-to-int',
  'mutable-globals',
  'multi-value',
  'bulk-memory',
  'reference-types',
  'simd',
  'relaxed-simd',
  'threads',
  'tail-call',
  'extended-const',
  'multi-memory',
  'memory64',
  'table64',
  'exceptions',
  'legacy-exceptions',
  'function-references',
  'gc',
] as const;
export type Feature = (typeof FEATURES)[number];

const TABLE = `
[mvp]
00 unreachable
01 nop
02 block blocktype
03 loop blocktype
04 if blocktype
05 else
0b end
0c br labelidx
0d br_if labelidx
0e br_table labels
0f return
10 call funcidx
11 call_indirect typeidx tableidx
1a drop
1b select
20 local.get localidx
21 local.set localidx
22 local.tee localidx
23 global.get globalidx
24 global.set globalidx
28 i32.load memarg
29 i64.load memarg
2a f32.load memarg
2b f64.load memarg
2c i32.load8_s memarg
2d i32.load8_u memarg
2e i32.load16_s memarg
2f i32.load16_u memarg
30 i64.load8_s memarg
31 i64.load8_u memarg
32 i64.load16_s memarg
33 i64.load16_u memarg
34 i64.load32_s memarg
35 i64.load32_u memarg
36 i32.store memarg
37 i64.store memarg
38 f32.store memarg
39 f64.store memarg
3a i32.store8 memarg
3b i32.store16 memarg
3c i64.store8 memarg
3d i64.store16 memarg
3e i64.store32 memarg
3f memory.size memidx
40 memory.grow memidx
41 i32.const i32
42 i64.const i64
43 f32.const f32
44 f64.const f64
45 i32.eqz
46 i32.eq
47 i32.ne
48 i32.lt_s
49 i32.lt_u
4a i32.gt_s
4b i32.gt_u
4c i32.le_s
4d i32.le_u
4e i32.ge_s
4f i32.ge_u
50 i64.eqz
51 i64.eq
52 i64.ne
53 i64.lt_s
54 i64.lt_u
55 i64.gt_s
56 i64.gt_u
57 i64.le_s
58 i64.le_u
59 i64.ge_s
5a i64.ge_u
5b f32.eq
5c f32.ne
5d f32.lt
5e f32.gt
5f f32.le
60 f32.ge
61 f64.eq
62 f64.ne
63 f64.lt
64 f64.gt
65 f64.le
66 f64.ge
67 i32.clz
68 i32.ctz
69 i32.popcnt
6a i32.add
6b i32.sub
6c i32.mul
6d i32.div_s
6e i32.div_u
6f i32.rem_s
70 i32.rem_u
71 i32.and
72 i32.or
73 i32.xor
74 i32.shl
75 i32.shr_s
76 i32.shr_u
77 i32.rotl
78 i32.rotr
79 i64.clz
7a i64.ctz
7b i64.popcnt
7c i64.add
7d i64.sub
7e i64.mul
7f i64.div_s
80 i64.div_u
81 i64.rem_s
82 i64.rem_u
83 i64.and
84 i64.or
85 i64.xor
86 i64.shl
87 i64.shr_s
88 i64.shr_u
89 i64.rotl
8a i64.rotr
8b f32.abs
8c f32.neg
8d f32.ceil
8e f32.floor
8f f32.trunc
90 f32.nearest
91 f32.sqrt
92 f32.add
93 f32.sub
94 f32.mul
95 f32.div
96 f32.min
97 f32.max
98 f32.copysign
99 f64.abs
9a f64.neg
9b f64.ceil
9c f64.floor
9d f64.trunc
9e f64.nearest
9f f64.sqrt
a0 f64.add
a1 f64.sub
a2 f64.mul
a3 f64.div
a4 f64.min
a5 f64.max
a6 f64.copysign
a7 i32.wrap_i64
a8 i32.trunc_f32_s
a9 i32.trunc_f32_u
aa i32.trunc_f64_s
ab i32.trunc_f64_u
ac i64.extend_i32_s
ad i64.extend_i32_u
ae i64.trunc_f32_s
af i64.trunc_f32_u
b0 i64.trunc_f64_s
b1 i64.trunc_f64_u
b2 f32.convert_i32_s
b3 f32.convert_i32_u
b4 f32.convert_i64_s
b5 f32.convert_i64_u
b6 f32.demote_f64
b7 f64.convert_i32_s
b8 f64.convert_i32_u
b9 f64.convert_i64_s
ba f64.convert_i64_u
bb f64.promote_f32
bc i32.reinterpret_f32
bd i64.reinterpret_f64
be f32.reinterpret_i32
bf f64.reinterpret_i64
[sign-extension]
c0 i32.extend8_s
c1 i32.extend16_s
c2 i64.extend8_s
c3 i64.extend16_s
c4 i64.extend32_s
[legacy-exceptions]
06 try blocktype
07 catch tagidx
09 rethrow labelidx
18 delegate labelidx
19 catch_all
[exceptions]
08 throw tagidx
0a throw_ref
1f try_table blocktype catches
[tail-call]
12 return_call funcidx
13 return_call_indirect typeidx tableidx
[function-references]
14 call_ref typeidx
15 return_call_ref typeidx
d4 ref.as_non_null
d5 br_on_null labelidx
d6 br_on_non_null labelidx
[reference-types]
1c select valtypes
25 table.get tableidx
26 table.set tableidx
d0 ref.null heaptype
d1 ref.is_null
d2 ref.func funcidx
fc0f table.grow tableidx
fc10 table.size tableidx
fc11 table.fill tableidx
[gc]
d3 ref.eq
fb00 struct.new typeidx
fb01 struct.new_default typeidx
fb02 struct.get typeidx fieldidx
fb03 struct.get_s typeidx fieldidx
fb04 struct.get_u typeidx fieldidx
fb05 struct.set typeidx fieldidx
fb06 array.new typeidx
fb07 array.new_default typeidx
fb08 array.new_fixed typeidx u32
fb09 array.new_data typeidx dataidx
fb0a array.new_elem typeidx elemidx
fb0b array.get typeidx
fb0c array.get_s typeidx
fb0d array.get_u typeidx
fb0e array.set typeidx
fb0f array.len
fb10 array.fill typeidx
fb11 array.copy typeidx typeidx
fb12 array.init_data typeidx dataidx
fb13 array.init_elem typeidx elemidx
fb14 ref.test heaptype
fb15 ref.test_null heaptype
fb16 ref.cast heaptype
fb17 ref.cast_null heaptype
fb18 br_on_cast castop labelidx heaptype heaptype
fb19 br_on_cast_fail castop labelidx heaptype heaptype
fb1a any.convert_extern
fb1b extern.convert_any
fb1c ref.i31
fb1d i31.get_s
fb1e i31.get_u
[saturating-float-to-int]
fc00 i32.trunc_sat_f32_s
fc01 i32.trunc_sat_f32_u
fc02 i32.trunc_sat_f64_s
fc03 i32.trunc_sat_f64_u
fc04 i64.trunc_sat_f32_s
fc05 i64.trunc_sat_f32_u
fc06 i64.trunc_sat_f64_s
fc07 i64.trunc_sat_f64_u
[bulk-memory]
fc08 memory.init dataidx memidx
fc09 data.drop dataidx
fc0a memory.copy memidx memidx
fc0b memory.fill memidx
fc0c table.init elemidx tableidx
fc0d elem.drop elemidx
fc0e table.copy tableidx tableidx
[simd]
fd00 v128.load memarg
fd01 v128.load8x8_s memarg
fd02 v128.load8x8_u memarg
fd03 v128.load16x4_s memarg
fd04 v128.load16x4_u memarg
fd05 v128.load32x2_s memarg
fd06 v128.load32x2_u memarg
fd07 v128.load8_splat memarg
fd08 v128.load16_splat memarg
fd09 v128.load32_splat memarg
fd0a v128.load64_splat memarg
fd0b v128.store memarg
fd0c v128.const v128
fd0d i8x16.shuffle lanes
fd0e i8x16.swizzle
fd0f i8x16.splat
fd10 i16x8.splat
fd11 i32x4.splat
fd12 i64x2.splat
fd13 f32x4.splat
fd14 f64x2.splat
fd15 i8x16.extract_lane_s laneidx
fd16 i8x16.extract_lane_u laneidx
fd17 i8x16.replace_lane laneidx
fd18 i16x8.extract_lane_s laneidx
fd19 i16x8.extract_lane_u laneidx
fd1a i16x8.replace_lane laneidx
fd1b i32x4.extract_lane laneidx
fd1c i32x4.replace_lane laneidx
fd1d i64x2.extract_lane laneidx
fd1e i64x2.replace_lane laneidx
fd1f f32x4.extract_lane laneidx
fd20 f32x4.replace_lane laneidx
fd21 f64x2.extract_lane laneidx
fd22 f64x2.replace_lane laneidx
fd23 i8x16.eq
fd24 i8x16.ne
fd25 i8x16.lt_s
fd26 i8x16.lt_u
fd27 i8x16.gt_s
fd28 i8x16.gt_u
fd29 i8x16.le_s
fd2a i8x16.le_u
fd2b i8x16.ge_s
fd2c i8x16.ge_u
fd2d i16x8.eq
fd2e i16x8.ne
fd2f i16x8.lt_s
fd30 i16x8.lt_u
fd31 i16x8.gt_s
fd32 i16x8.gt_u
fd33 i16x8.le_s
fd34 i16x8.le_u
fd35 i16x8.ge_s
fd36 i16x8.ge_u
fd37 i32x4.eq
fd38 i32x4.ne
fd39 i32x4.lt_s
fd3a i32x4.lt_u
fd3b i32x4.gt_s
fd3c i32x4.gt_u
fd3d i32x4.le_s
fd3e i32x4.le_u
fd3f i32x4.ge_s
fd40 i32x4.ge_u
fd41 f32x4.eq
fd42 f32x4.ne
fd43 f32x4.lt
fd44 f32x4.gt
fd45 f32x4.le
fd46 f32x4.ge
fd47 f64x2.eq
fd48 f64x2.ne
fd49 f64x2.lt
fd4a f64x2.gt
fd4b f64x2.le
fd4c f64x2.ge
fd4d v128.not
fd4e v128.and
fd4f v128.andnot
fd50 v128.or
fd51 v128.xor
fd52 v128.bitselect
fd53 v128.any_true
fd54 v128.load8_lane memarg laneidx
fd55 v128.load16_lane memarg laneidx
fd56 v128.load32_lane memarg laneidx
fd57 v128.load64_lane memarg laneidx
fd58 v128.store8_lane memarg laneidx
fd59 v128.store16_lane memarg laneidx
fd5a v128.store32_lane memarg laneidx
fd5b v128.store64_lane memarg laneidx
fd5c v128.load32_zero memarg
fd5d v128.load64_zero memarg
fd5e f32x4.demote_f64x2_zero
fd5f f64x2.promote_low_f32x4
fd60 i8x16.abs
fd61 i8x16.neg
fd62 i8x16.popcnt
fd63 i8x16.all_true
fd64 i8x16.bitmask
fd65 i8x16.narrow_i16x8_s
fd66 i8x16.narrow_i16x8_u
fd67 f32x4.ceil
fd68 f32x4.floor
fd69 f32x4.trunc
fd6a f32x4.nearest
fd6b i8x16.shl
fd6c i8x16.shr_s
fd6d i8x16.shr_u
fd6e i8x16.add
fd6f i8x16.add_sat_s
fd70 i8x16.add_sat_u
fd71 i8x16.sub
fd72 i8x16.sub_sat_s
fd73 i8x16.sub_sat_u
fd74 f64x2.ceil
fd75 f64x2.floor
fd76 i8x16.min_s
fd77 i8x16.min_u
fd78 i8x16.max_s
fd79 i8x16.max_u
fd7a f64x2.trunc
fd7b i8x16.avgr_u
fd7c i16x8.extadd_pairwise_i8x16_s
fd7d i16x8.extadd_pairwise_i8x16_u
fd7e i32x4.extadd_pairwise_i16x8_s
fd7f i32x4.extadd_pairwise_i16x8_u
fd80 i16x8.abs
fd81 i16x8.neg
fd82 i16x8.q15mulr_sat_s
fd83 i16x8.all_true
fd84 i16x8.bitmask
fd85 i16x8.narrow_i32x4_s
fd86 i16x8.narrow_i32x4_u
fd87 i16x8.extend_low_i8x16_s
fd88 i16x8.extend_high_i8x16_s
fd89 i16x8.extend_low_i8x16_u
fd8a i16x8.extend_high_i8x16_u
fd8b i16x8.shl
fd8c i16x8.shr_s
fd8d i16x8.shr_u
fd8e i16x8.add
fd8f i16x8.add_sat_s
fd90 i16x8.add_sat_u
fd91 i16x8.sub
fd92 i16x8.sub_sat_s
fd93 i16x8.sub_sat_u
fd94 f64x2.nearest
fd95 i16x8.mul
fd96 i16x8.min_s
fd97 i16x8.min_u
fd98 i16x8.max_s
fd99 i16x8.max_u
fd9b i16x8.avgr_u
fd9c i16x8.extmul_low_i8x16_s
fd9d i16x8.extmul_high_i8x16_s
fd9e i16x8.extmul_low_i8x16_u
fd9f i16x8.extmul_high_i8x16_u
fda0 i32x4.abs
fda1 i32x4.neg
fda3 i32x4.all_true
fda4 i32x4.bitmask
fda7 i32x4.extend_low_i16x8_s
fda8 i32x4.extend_high_i16x8_s
fda9 i32x4.extend_low_i16x8_u
fdaa i32x4.extend_high_i16x8_u
fdab i32x4.shl
fdac i32x4.shr_s
fdad i32x4.shr_u
fdae i32x4.add
fdb1 i32x4.sub
fdb5 i32x4.mul
fdb6 i32x4.min_s
fdb7 i32x4.min_u
fdb8 i32x4.max_s
fdb9 i32x4.max_u
fdba i32x4.dot_i16x8_s
fdbc i32x4.extmul_low_i16x8_s
fdbd i32x4.extmul_high_i16x8_s
fdbe i32x4.extmul_low_i16x8_u
fdbf i32x4.extmul_high_i16x8_u
fdc0 i64x2.abs
fdc1 i64x2.neg
fdc3 i64x2.all_true
fdc4 i64x2.bitmask
fdc7 i64x2.extend_low_i32x4_s
fdc8 i64x2.extend_high_i32x4_s
fdc9 i64x2.extend_low_i32x4_u
fdca i64x2.extend_high_i32x4_u
fdcb i64x2.shl
fdcc i64x2.shr_s
fdcd i64x2.shr_u
fdce i64x2.add
fdd1 i64x2.sub
fdd5 i64x2.mul
fdd6 i64x2.eq
fdd7 i64x2.ne
fdd8 i64x2.lt_s
fdd9 i64x2.gt_s
fdda i64x2.le_s
fddb i64x2.ge_s
fddc i64x2.extmul_low_i32x4_s
fddd i64x2.extmul_high_i32x4_s
fdde i64x2.extmul_low_i32x4_u
fddf i64x2.extmul_high_i32x4_u
fde0 f32x4.abs
fde1 f32x4.neg
fde3 f32x4.sqrt
fde4 f32x4.add
fde5 f32x4.sub
fde6 f32x4.mul
fde7 f32x4.div
fde8 f32x4.min
fde9 f32x4.max
fdea f32x4.pmin
fdeb f32x4.pmax
fdec f64x2.abs
fded f64x2.neg
fdef f64x2.sqrt
fdf0 f64x2.add
fdf1 f64x2.sub
fdf2 f64x2.mul
fdf3 f64x2.div
fdf4 f64x2.min
fdf5 f64x2.max
fdf6 f64x2.pmin
fdf7 f64x2.pmax
fdf8 i32x4.trunc_sat_f32x4_s
fdf9 i32x4.trunc_sat_f32x4_u
fdfa f32x4.convert_i32x4_s
fdfb f32x4.convert_i32x4_u
fdfc i32x4.trunc_sat_f64x2_s_zero
fdfd i32x4.trunc_sat_f64x2_u_zero
fdfe f64x2.convert_low_i32x4_s
fdff f64x2.convert_low_i32x4_u
[relaxed-simd]
fd100 i8x16.relaxed_swizzle
fd101 i32x4.relaxed_trunc_f32x4_s
fd102 i32x4.relaxed_trunc_f32x4_u
fd103 i32x4.relaxed_trunc_f64x2_s_zero
fd104 i32x4.relaxed_trunc_f64x2_u_zero
fd105 f32x4.relaxed_madd
fd106 f32x4.relaxed_nmadd
fd107 f64x2.relaxed_madd
fd108 f64x2.relaxed_nmadd
fd109 i8x16.relaxed_laneselect
fd10a i16x8.relaxed_laneselect
fd10b i32x4.relaxed_laneselect
fd10c i64x2.relaxed_laneselect
fd10d f32x4.relaxed_min
fd10e f32x4.relaxed_max
fd10f f64x2.relaxed_min
fd110 f64x2.relaxed_max
fd111 i16x8.relaxed_q15mulr_s
fd112 i16x8.relaxed_dot_i8x16_i7x16_s
fd113 i32x4.relaxed_dot_i8x16_i7x16_add_s
[threads]
fe00 memory.atomic.notify memarg
fe01 memory.atomic.wait32 memarg
fe02 memory.atomic.wait64 memarg
fe03 atomic.fence zero
fe10 i32.atomic.load memarg
fe11 i64.atomic.load memarg
fe12 i32.atomic.load8_u memarg
fe13 i32.atomic.load16_u memarg
fe14 i64.atomic.load8_u memarg
fe15 i64.atomic.load16_u memarg
fe16 i64.atomic.load32_u memarg
fe17 i32.atomic.store memarg
fe18 i64.atomic.store memarg
fe19 i32.atomic.store8 memarg
fe1a i32.atomic.store16 memarg
fe1b i64.atomic.store8 memarg
fe1c i64.atomic.store16 memarg
fe1d i64.atomic.store32 memarg
fe1e i32.atomic.rmw.add memarg
fe1f i64.atomic.rmw.add memarg
fe20 i32.atomic.rmw8.add_u memarg
fe21 i32.atomic.rmw16.add_u memarg
fe22 i64.atomic.rmw8.add_u memarg
fe23 i64.atomic.rmw16.add_u memarg
fe24 i64.atomic.rmw32.add_u memarg
fe25 i32.atomic.rmw.sub memarg
fe26 i64.atomic.rmw.sub memarg
fe27 i32.atomic.rmw8.sub_u memarg
fe28 i32.atomic.rmw16.sub_u memarg
fe29 i64.atomic.rmw8.sub_u memarg
fe2a i64.atomic.rmw16.sub_u memarg
fe2b i64.atomic.rmw32.sub_u memarg
fe2c i32.atomic.rmw.and memarg
fe2d i64.atomic.rmw.and memarg
fe2e i32.atomic.rmw8.and_u memarg
fe2f i32.atomic.rmw16.and_u memarg
fe30 i64.atomic.rmw8.and_u memarg
fe31 i64.atomic.rmw16.and_u memarg
fe32 i64.atomic.rmw32.and_u memarg
fe33 i32.atomic.rmw.or memarg
fe34 i64.atomic.rmw.or memarg
fe35 i32.atomic.rmw8.or_u memarg
fe36 i32.atomic.rmw16.or_u memarg
fe37 i64.atomic.rmw8.or_u memarg
fe38 i64.atomic.rmw16.or_u memarg
fe39 i64.atomic.rmw32.or_u memarg
fe3a i32.atomic.rmw.xor memarg
fe3b i64.atomic.rmw.xor memarg
fe3c i32.atomic.rmw8.xor_u memarg
fe3d i32.atomic.rmw16.xor_u memarg
fe3e i64.atomic.rmw8.xor_u memarg
fe3f i64.atomic.rmw16.xor_u memarg
fe40 i64.atomic.rmw32.xor_u memarg
fe41 i32.atomic.rmw.xchg memarg
fe42 i64.atomic.rmw.xchg memarg
fe43 i32.atomic.rmw8.xchg_u memarg
fe44 i32.atomic.rmw16.xchg_u memarg
fe45 i64.atomic.rmw8.xchg_u memarg
fe46 i64.atomic.rmw16.xchg_u memarg
fe47 i64.atomic.rmw32.xchg_u memarg
fe48 i32.atomic.rmw.cmpxchg memarg
fe49 i64.atomic.rmw.cmpxchg memarg
fe4a i32.atomic.rmw8.cmpxchg_u memarg
fe4b i32.atomic.rmw16.cmpxchg_u memarg
fe4c i64.atomic.rmw8.cmpxchg_u memarg
fe4d i64.atomic.rmw16.cmpxchg_u memarg
fe4e i64.atomic.rmw32.cmpxchg_u memarg
`;

/** The immediates an instruction can have, as the spec's binary grammar names them. */
export const IMMEDIATES = [
  'typeidx',
  'funcidx',
  'tableidx',
  'memidx',
  'globalidx',
  'tagidx',
  'elemidx',
  'dataidx',
  'localidx',
  'labelidx',
  'fieldidx',
  'u32',
  'i32',
  'i64',
  'f32',
  'f64',
  'v128',
  'lanes', // the 16 lane indices of i8x16.shuffle
  'laneidx',
  'blocktype',
  'heaptype',
  'valtypes', // the vector of select
  'memarg',
  'labels', // br_table: a vector of labels and the default
  'catches', // the catch clauses of try_table
  'castop', // the nullability flags of br_on_cast
  'zero', // the reserved byte of atomic.fence
] as const;
export type Immediate = (typeof IMMEDIATES)[number];

/**
 * An opcode as one small number, so that facts about opcodes are arrays: a single-byte opcode is
 * itself; behind a prefix 0xfb, 0xfc, 0xfd, 0xfe the secondary opcode follows a base below.
 */
export type Opcode = number;
export const OPCODE_COUNT = 0x600;
const FIRST_PREFIX = 0xfb;
/** Where the opcodes of each prefix begin; those of 0xfe end where all end. */
const PREFIX_BASES: readonly number[] = [0x100, 0x200, 0x300, 0x500, OPCODE_COUNT];

/** The dense opcode for a prefix byte and a secondary opcode, or -1 where the format has none. */
export function prefixed(prefix: number, secondary: number): Opcode {
  const base = PREFIX_BASES[prefix - FIRST_PREFIX];
  const end = PREFIX_BASES[prefix - FIRST_PREFIX + 1];
  if (base === undefined || end === undefined) return -1;
  return secondary < end - base ? base + secondary : -1;
}

export interface OpcodeRow {
  readonly opcode: Opcode;
  /** The prefix byte, or 0. */
  readonly prefix: number;
  /** The byte, or the secondary opcode after the prefix. */
  readonly code: number;
  readonly name: string;
  readonly immediates: readonly Immediate[];
  readonly feature: Feature;
}

function isImmediate(word: string): word is Immediate {
  return (IMMEDIATES as readonly string[]).includes(word);
}

function isFeature(word: string): word is Feature {
  return (FEATURES as readonly string[]).includes(word);
}

function readTable(): readonly OpcodeRow[] {
  const rows: OpcodeRow[] = [];
  let feature: Feature = 'mvp';
  for (const line of TABLE.trim().split('\n')) {
    if (line.startsWith('[')) {
      const word = line.slice(1, -1);
      if (!isFeature(word)) throw new TypeError(`opcode table: no feature ${word}`);
      feature = word;
      continue;
    }
    const [hex = '', name = '', ...words] = line.split(' ');
    const hasPrefix = hex.length > 2;
    const prefix = hasPrefix ? Number.parseInt(hex.slice(0, 2), 16) : 0;
    const code = Number.parseInt(hasPrefix ? hex.slice(2) : hex, 16);
    const immediates = words.filter(isImmediate);
    if (immediates.length !== words.length) throw new TypeError(`opcode table: immediates of ${name}`);
    rows.push({ opcode: hasPrefix ? prefixed(prefix, code) : code, prefix, code, name, immediates, feature });
  }
  return rows;
}

export const OPCODES: readonly OpcodeRow[] = readTable();

const byOpcode: readonly (OpcodeRow | undefined)[] = (() => {
  const rows = new Array<OpcodeRow | undefined>(OPCODE_COUNT).fill(undefined);
  for (const row of OPCODES) rows[row.opcode] = row;
  return rows;
})();

const byName: ReadonlyMap<string, OpcodeRow> = new Map(OPCODES.map((row) => [row.name, row]));

export function opcodeRow(opcode: Opcode): OpcodeRow | undefined {
  return byOpcode[opcode];
}

/** The row of an instruction by its name in the text format; unknown names are a bug of the caller. */
export function opcodeNamed(name: string): OpcodeRow {
  const row = byName.get(name);
  if (row === undefined) throw new TypeError(`no instruction is named ${name}`);
  return row;
}
