import type { ByteView } from './byte-view.js';
import { Malformed } from './malformed.js';

/** A name that a pickle refers to, such as `torch FloatStorage`. Never looked up, never run. */
export class PickledGlobal {
  constructor(readonly name: string) {}
}

/** What a pickle refers to outside itself; torch's tensors' numbers. */
export class PickledReference {
  constructor(readonly id: unknown) {}
}

/** A call that a pickle asks for: kept as data, by the few whose meaning is known here. */
export class PickledCall {
  constructor(
    readonly name: string,
    readonly args: readonly unknown[],
  ) {}
}

/** The calls that a file of weights needs; of any other the file is refused. */
const CALLS: ReadonlySet<string> = new Set([
  'collections OrderedDict',
  'torch._utils _rebuild_tensor',
  'torch._utils _rebuild_tensor_v2',
  'torch._utils _rebuild_parameter',
]);

const MARK = Symbol('mark');

/** Bound on what is read; a state dictionary of MobileNetV2 has some 15 000 opcodes. */
const MOST_OPCODES = 1_000_000;
/** Bound on the pairs that calls copy, all together, since many calls may share a list; MobileNetV2 has 320. */
const MOST_PAIRS = 100_000;
const LONGEST_GLOBAL = 256;

const broken = () => new Malformed('its pickle is broken');

/**
 * Reads one pickle (docs.python.org/library/pickletools) as plain data: dictionaries as Maps, lists and tuples as
 * arrays. Only the opcodes that torch.save writes are known, and none of them runs anything.
 *
 * @param at byte where it starts
 * @returns the value and the byte after it
 */
export function readPickle(view: ByteView, at: number): { readonly value: unknown; readonly end: number } {
  const stack: unknown[] = [];
  const memo = new Map<number, unknown>();
  const pop = () => {
    const value = stack.pop();
    if (value === undefined || value === MARK) throw broken();
    return value;
  };
  const popToMark = () => {
    const from = stack.lastIndexOf(MARK);
    if (from < 0) throw broken();
    const items = stack.splice(from);
    return items.slice(1);
  };
  const recall = (index: number) => {
    if (!memo.has(index)) throw broken();
    stack.push(memo.get(index));
  };
  let copiedPairs = 0;
  const countPairs = (count: number) => {
    copiedPairs += count;
    if (copiedPairs > MOST_PAIRS) throw broken();
  };
  const setItems = (items: readonly unknown[]) => {
    const dictionary = stack.at(-1);
    if (!(dictionary instanceof Map) || items.length % 2 !== 0) throw broken();
    for (let i = 0; i < items.length; i += 2) dictionary.set(items[i], items[i + 1]);
  };
  const append = (items: readonly unknown[]) => {
    const list = stack.at(-1);
    if (!Array.isArray(list)) throw broken();
    for (const item of items) list.push(item);
  };
  const text = (length: number) => {
    const value = view.text(at, length);
    at += length;
    return value;
  };
  const line = () => {
    const start = at;
    while (view.u8(at) !== 0x0a) at++;
    return view.text(start, at++ - start);
  };
  const u8 = () => view.u8(at++);
  const u32 = () => {
    at += 4;
    return view.u32(at - 4);
  };

  for (let i = 0; i < MOST_OPCODES; i++) {
    const opcode = u8();
    switch (String.fromCharCode(opcode)) {
      case '\x80': // PROTO
        at++;
        break;
      case '\x95': // FRAME
        at += 8;
        break;
      case '.': // STOP
        return { value: pop(), end: at };
      case '(': // MARK
        stack.push(MARK);
        break;
      case 'N': // NONE
        stack.push(null);
        break;
      case '\x88': // NEWTRUE
        stack.push(true);
        break;
      case '\x89': // NEWFALSE
        stack.push(false);
        break;
      case 'J': // BININT
        at += 4;
        stack.push(view.i32(at - 4));
        break;
      case 'K': // BININT1
        stack.push(u8());
        break;
      case 'M': // BININT2
        at += 2;
        stack.push(view.u16(at - 2));
        break;
      case '\x8a': {
        // LONG1
        const bytes = view.slice(at + 1, u8());
        at += bytes.length;
        stack.push(bytes.reduceRight((sum, byte) => sum * 256 + byte, 0));
        break;
      }
      case 'G': // BINFLOAT, big-endian; no weight is one
        at += 8;
        stack.push(Number.NaN);
        break;
      case 'X': // BINUNICODE
        stack.push(text(u32()));
        break;
      case '\x8c': // SHORT_BINUNICODE
      case 'U': // SHORT_BINSTRING
        stack.push(text(u8()));
        break;
      case 'q': // BINPUT
        memo.set(u8(), stack.at(-1));
        break;
      case 'r': // LONG_BINPUT
        memo.set(u32(), stack.at(-1));
        break;
      case '\x94': // MEMOIZE
        memo.set(memo.size, stack.at(-1));
        break;
      case 'h': // BINGET
        recall(u8());
        break;
      case 'j': // LONG_BINGET
        recall(u32());
        break;
      case '}': // EMPTY_DICT
        stack.push(new Map());
        break;
      case ']': // EMPTY_LIST
      case ')': // EMPTY_TUPLE
        stack.push([]);
        break;
      case 't': // TUPLE
        stack.push(popToMark());
        break;
      case '\x85': // TUPLE1
        stack.push([pop()]);
        break;
      case '\x86': // TUPLE2
        stack.push([pop(), pop()].reverse());
        break;
      case '\x87': // TUPLE3
        stack.push([pop(), pop(), pop()].reverse());
        break;
      case 'a': // APPEND
        append([pop()]);
        break;
      case 'e': // APPENDS
        append(popToMark());
        break;
      case 's': // SETITEM
        setItems([pop(), pop()].reverse());
        break;
      case 'u': // SETITEMS
        setItems(popToMark());
        break;
      case 'c': // GLOBAL
        stack.push(new PickledGlobal(`${line()} ${line()}`));
        break;
      case '\x93': {
        // STACK_GLOBAL
        const name = pop();
        const module = pop();
        if (typeof module !== 'string' || typeof name !== 'string') throw broken();
        if (module.length + name.length > LONGEST_GLOBAL) throw broken();
        stack.push(new PickledGlobal(`${module} ${name}`));
        break;
      }
      case 'Q': // BINPERSID
        stack.push(new PickledReference(pop()));
        break;
      case 'R': {
        // REDUCE
        const args = pop();
        stack.push(call(pop(), args, countPairs));
        break;
      }
      case 'b': // BUILD: attributes of a dictionary, such as its version
        pop();
        break;
      default:
        throw new Malformed(`its pickle holds more than weights (opcode ${opcode} at byte ${at - 1})`);
    }
  }
  throw new Malformed('its pickle has no end');
}

function call(callee: unknown, args: unknown, countPairs: (count: number) => void): unknown {
  if (!(callee instanceof PickledGlobal) || !Array.isArray(args)) throw broken();
  if (!CALLS.has(callee.name)) {
    throw new Malformed(
      `its pickle asks to call ${callee.name.replace(' ', '.')}, which no file of weights needs`,
    );
  }
  return callee.name === 'collections OrderedDict'
    ? orderedDictionary(args, countPairs)
    : new PickledCall(callee.name, args);
}

/** Python 3 calls it with nothing and sets the items afterwards, Python 2 with a list of pairs. */
function orderedDictionary(
  [pairs = []]: readonly unknown[],
  countPairs: (count: number) => void,
): Map<unknown, unknown> {
  const isPair = (item: unknown): item is [unknown, unknown] => Array.isArray(item) && item.length === 2;
  if (!Array.isArray(pairs)) throw broken();
  countPairs(pairs.length);
  if (!pairs.every(isPair)) throw broken();
  return new Map(pairs);
}
