import { type GraphModel, loadGraphModelSync } from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import { UserError } from '../../../errors.js';
import { type InputSize, imageInput, type OwnNetwork, type Streams } from './own-network.js';
import { isRandomOp, UNSEEDED_OPS, withSeededOps } from './random-ops.js';
import { firstSentence, type TfjsModel, tfjsArtifacts } from './tfjs-file.js';

/** A node of a GraphDef, as model.json has it. */
interface GraphDefNode {
  readonly name: string;
  readonly op: string;
  /** `node`, `node:output` or `^node` (runs before, gives nothing). */
  readonly input?: readonly string[];
}

/** A TensorFlow.js GraphModel. Its noise is whatever random ops the graph has, and is always on. */
export class GraphNetwork implements OwnNetwork {
  readonly file: string;
  readonly input: InputSize;
  readonly output: string;
  private readonly inputName: string;
  /** Names of the nodes that do not vary and are read by nodes that do. */
  private readonly cuts: readonly string[];

  /** @throws UserError if tfjs cannot build the graph, or it takes no image */
  static load(model: TfjsModel): GraphNetwork {
    const { file, topology } = model;
    const nodes = nodesOf(topology, file);
    const unseeded = nodes.find(({ op }) => UNSEEDED_OPS.has(op));
    if (unseeded) {
      throw new UserError(
        `${file}: node ${unseeded.name} draws random numbers with ${unseeded.op}, which cannot be seeded: expected RandomUniform, RandomStandardNormal or TruncatedNormal.`,
      );
    }
    let graph: GraphModel<tf.io.IOHandlerSync>;
    try {
      // A random op has to be known as ours when the graph is built; nothing is drawn yet.
      graph = withSeededOps(noStreams, () => loadGraphModelSync(tfjsArtifacts(model)));
    } catch (error) {
      throw new UserError(
        `${file}: TensorFlow.js cannot build this GraphModel: ${firstSentence(error as Error)}.`,
        { cause: error },
      );
    }
    return new GraphNetwork(graph, nodes, file);
  }

  private constructor(
    private readonly graph: GraphModel<tf.io.IOHandlerSync>,
    nodes: readonly GraphDefNode[],
    file: string,
  ) {
    this.file = file;
    this.input = imageInput(file, graph.inputs, graph.outputs);
    this.inputName = graph.inputs[0].name;
    this.output = graph.outputs[0].name;
    this.cuts = cutsOf(nodes, this.output, this.inputName);
  }

  features(image: tf.Tensor4D): tf.Tensor[] {
    if (isOnly(this.cuts, this.inputName)) return [image];
    return listOf(this.graph.execute({ [this.inputName]: image }, [...this.cuts]));
  }

  scores(features: readonly tf.Tensor[], streams?: Streams): tf.Tensor {
    if (isOnly(this.cuts, this.output)) return tf.clone(features[0]);
    if (streams === undefined) {
      // A graph says which numbers are random, but not what they would be without dropout.
      throw new UserError(
        `${this.file}: the graph draws random numbers, which cannot be switched off: expected at least 1 draw, or a graph exported in inference mode.`,
      );
    }
    const fed = Object.fromEntries(this.cuts.map((name, i) => [name, features[i]]));
    return withSeededOps(streams, () => listOf(this.graph.execute(fed, this.output))[0]);
  }

  dispose(): void {
    this.graph.dispose();
  }
}

function noStreams(): never {
  throw new Error('random numbers are drawn by draws only');
}

function isOnly(names: readonly string[], name: string): boolean {
  return names.length === 1 && names[0] === name;
}

function listOf(tensors: tf.Tensor | tf.Tensor[]): tf.Tensor[] {
  return Array.isArray(tensors) ? tensors : [tensors];
}

function nodesOf({ node }: TfjsModel['topology'], file: string): readonly GraphDefNode[] {
  const isNode = (each: unknown) => {
    const { name, op, input = [] } = (each ?? {}) as Partial<GraphDefNode>;
    const isText = (value: unknown) => typeof value === 'string';
    return isText(name) && isText(op) && Array.isArray(input) && input.every(isText);
  };
  if (!Array.isArray(node) || !node.every(isNode)) {
    throw new UserError(`${file} holds no graph: expected a list of nodes with name, op and input.`);
  }
  const names = new Set(node.map(({ name }) => name));
  for (const { name, input = [] } of node as GraphDefNode[]) {
    const missing = input.find((reference) => !names.has(nodeName(reference)));
    if (missing) throw new UserError(`${file}: node ${name} reads ${missing}, which the graph has not.`);
  }
  return node;
}

/** Where the graph is cut: see `GraphNetwork.cuts`. The input alone where every node has to be run for each draw. */
function cutsOf(nodes: readonly GraphDefNode[], output: string, input: string): readonly string[] {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const inputsOf = (name: string) => byName.get(name)!.input ?? [];
  const readers = new Map(nodes.map(({ name }): [string, string[]] => [name, []]));
  for (const { name, input: from = [] } of nodes)
    for (const reference of from) readers.get(nodeName(reference))!.push(name);

  const random = nodes.filter(({ op }) => isRandomOp(op)).map(({ name }) => name);
  const varying = reachable(random, (name) => readers.get(name)!);
  const last = nodeName(output);
  if (!varying.has(last)) return [output];

  const cuts = new Set<string>();
  const needed = reachable([last], (name) =>
    inputsOf(name)
      .map(nodeName)
      .filter((from) => varying.has(from)),
  );
  for (const reference of [...needed].flatMap(inputsOf)) {
    const from = nodeName(reference);
    if (!varying.has(from) && byName.get(from)!.op !== 'Const') cuts.add(reference.replace(/^\^|:0$/g, ''));
  }
  // tfjs can be fed a node's first output alone.
  return [...cuts].some((name) => name.includes(':')) ? [input] : [...cuts];
}

/** All that `next` leads to from `starts`, those included. Without recursion: graphs may be deeper than the stack. */
function reachable(starts: Iterable<string>, next: (name: string) => readonly string[]): ReadonlySet<string> {
  const found = new Set(starts);
  // A Set's iteration also comes to what is added on the way.
  for (const name of found) for (const each of next(name)) found.add(each);
  return found;
}

function nodeName(reference: string): string {
  return reference.replace(/^\^/, '').split(':')[0];
}
