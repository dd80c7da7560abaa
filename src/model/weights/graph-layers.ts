import { Malformed } from './formats/malformed.js';
import { readTransposed, type StoredTensor, type StoredTensors } from './formats/stored-tensor.js';
import { requireFewLayers, type SourceLayer, type SourceNorm } from './source-layer.js';

/** One of a float, a boolean or a string in Base64. */
interface GraphAttribute {
  readonly f?: number;
  readonly b?: boolean;
  readonly s?: string;
}

/** A node of a TensorFlow graph as JSON. */
interface GraphNode {
  readonly name: string;
  readonly op: string;
  readonly input: readonly string[];
  readonly attr?: Readonly<Record<string, GraphAttribute | undefined>>;
}

const CONVOLUTIONS: ReadonlySet<string> = new Set([
  'Conv2D',
  '_FusedConv2D',
  'DepthwiseConv2dNative',
  'FusedDepthwiseConv2dNative',
]);
const DENSE: ReadonlySet<string> = new Set(['MatMul', '_FusedMatMul']);
const ADDITIONS: ReadonlySet<string> = new Set(['BiasAdd', 'Add', 'AddV2']);
/** Nodes that hand on their input as it is. */
const PASSES: ReadonlySet<string> = new Set(['Identity', 'ReadVariableOp']);
/** `NHWC` in Base64, channels last: TensorFlow's default. */
const CHANNELS_LAST = 'TkhXQw==';

/**
 * Layers from the graph of a TensorFlow.js GraphModel, in the order in which they run, whatever they are called:
 * filters [k, k, in, out], depthwise [k, k, C, 1], each followed by a bias or a batch norm.
 */
export function layersOfGraph(topology: unknown, tensors: StoredTensors): SourceLayer[] {
  const graph = new Graph(parseNodes(topology), tensors);
  const nodes = graph.inOrder().filter(({ op }) => DENSE.has(op) || CONVOLUTIONS.has(op));
  requireFewLayers(nodes.length);
  return nodes.map((node) => graph.layer(node));
}

function parseNodes(topology: unknown): GraphNode[] {
  const nodes = (topology as { node?: unknown } | null | undefined)?.node;
  const isNode = (value: unknown): value is GraphNode => {
    const node = value as Partial<GraphNode> | null;
    return typeof node?.name === 'string' && typeof node.op === 'string';
  };
  if (!Array.isArray(nodes) || !nodes.every(isNode)) throw new Malformed('its graph is malformed');
  return nodes.map((node) => ({
    ...node,
    input: Array.isArray(node.input) ? node.input.map((input) => `${input}`.replace(/:\d+$/, '')) : [],
  }));
}

class Graph {
  private readonly byName: ReadonlyMap<string, GraphNode>;
  private readonly consumers = new Map<string, GraphNode[]>();

  constructor(
    private readonly nodes: readonly GraphNode[],
    private readonly tensors: StoredTensors,
  ) {
    this.byName = new Map(nodes.map((node) => [node.name, node]));
    for (const node of nodes) {
      for (const input of node.input) {
        const known = this.consumers.get(input);
        if (known === undefined) this.consumers.set(input, [node]);
        else known.push(node);
      }
    }
  }

  /** Every node after all it depends on (Kahn 1962). MobileNetV2 being a chain, its convolutions have one order. */
  inOrder(): GraphNode[] {
    const waiting = new Map(
      this.nodes.map(({ name, input }) => [name, input.filter((from) => this.byName.has(from)).length]),
    );
    const ready = this.nodes.filter(({ name }) => waiting.get(name) === 0);
    for (let i = 0; i < ready.length; i++) {
      for (const consumer of this.consumers.get(ready[i].name) ?? []) {
        const left = waiting.get(consumer.name)! - 1;
        waiting.set(consumer.name, left);
        if (left === 0) ready.push(consumer);
      }
    }
    return ready;
  }

  layer(node: GraphNode): SourceLayer {
    const isDense = DENSE.has(node.op);
    const { data_format: format, transpose_a, transpose_b } = node.attr ?? {};
    if (format?.s !== undefined && format.s !== CHANNELS_LAST) {
      throw new Malformed(`${node.name} keeps its channels in another place than last (NHWC)`);
    }
    if (transpose_a?.b === true || transpose_b?.b === true) {
      throw new Malformed(`${node.name} multiplies a transposed matrix`);
    }
    const filters = this.constant(node.input[1]);
    if (filters === undefined) throw new Malformed(`the weights of ${node.name} are not in its manifest`);
    const { shape } = filters;
    if (shape.length !== (isDense ? 2 : 4))
      throw new Malformed(`${node.name} has filters of shape [${shape}]`);
    const weights = isDense
      ? readTransposed({ shape: [1, 1, ...shape], read: filters.read }, [0, 1, 2, 3])
      : { shape, data: filters.read() };
    return { name: node.name, weights, norm: this.norm(node) };
  }

  /** What follows: an input of the fused node, or the node after it. */
  private norm(node: GraphNode): SourceNorm {
    const fused = this.constant(node.input[2]);
    if (fused !== undefined) return { kind: 'bias', bias: fused.read() };
    for (const next of this.consumers.get(node.name) ?? []) {
      if (ADDITIONS.has(next.op)) {
        const bias = next.input.map((input) => this.constant(input)).find((tensor) => tensor !== undefined);
        if (bias !== undefined) return { kind: 'bias', bias: bias.read() };
      }
      if (next.op.startsWith('FusedBatchNorm')) return this.batchNorm(next);
    }
    throw new Malformed(`${node.name} is followed by neither a bias nor a batch norm`);
  }

  private batchNorm(node: GraphNode): SourceNorm {
    const [scale, offset, mean, variance] = node.input.slice(1, 5).map((input) => {
      const tensor = this.constant(input);
      if (tensor === undefined) throw new Malformed(`the batch norm ${node.name} lacks ${input}`);
      return tensor.read();
    });
    if (variance === undefined) throw new Malformed(`the batch norm ${node.name} lacks inputs`);
    // 1e-4 is the operator's own default.
    return { kind: 'batchNorm', scale, offset, mean, variance, epsilon: node.attr?.epsilon?.f ?? 1e-4 };
  }

  private constant(name: string | undefined): StoredTensor | undefined {
    let node = name === undefined ? undefined : this.byName.get(name);
    for (let i = 0; i < 8 && node !== undefined && PASSES.has(node.op); i++)
      node = this.byName.get(node.input[0]);
    return node === undefined ? undefined : this.tensors.get(node.name);
  }
}
