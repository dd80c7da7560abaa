import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { UserError } from '../../../errors.js';
import { noiseOf, registerSpatialDropout2D } from './noise-layers.js';
import { type InputSize, imageInput, type OwnNetwork, type Streams } from './own-network.js';
import { firstSentence, type TfjsModel, tfjsArtifacts } from './tfjs-file.js';

type Layer = tfl.layers.Layer;

/**
 * A TensorFlow.js LayersModel whose dropout-like layers can be on, nested ones too, while all others, batch norm among
 * them, work as in inference. (`training: true` would switch both.)
 */
export class LayersNetwork implements OwnNetwork {
  readonly file: string;
  readonly input: InputSize;
  readonly output: string;
  private readonly head: tfl.LayersModel;
  /** Undefined where there is no noise: the head gives the scores then. */
  private readonly tail: tfl.LayersModel | undefined;
  /** Of the draw that is being made; undefined where noise is off. */
  private streams: Streams | undefined;

  /** @throws UserError if tfjs cannot build the model, its weights do not fit it, or it takes no image */
  static async load(model: TfjsModel): Promise<LayersNetwork> {
    registerSpatialDropout2D();
    const { file } = model;
    const unknown = unknownClasses(model.topology);
    if (unknown.length > 0) {
      throw new UserError(
        `${file} has layers of class ${unknown.join(', ')}, which TensorFlow.js does not know: expected its own layers, or the network as a GraphModel.`,
      );
    }
    try {
      return new LayersNetwork(await tfl.loadLayersModel({ load: async () => tfjsArtifacts(model) }), file);
    } catch (error) {
      if (error instanceof UserError) throw error;
      throw await buildError(model, error as Error);
    }
  }

  private constructor(
    private readonly model: tfl.LayersModel,
    file: string,
  ) {
    this.file = file;
    this.input = imageInput(file, model.inputs, model.outputs);
    this.output = model.outputs[0].sourceLayer.name;
    const noisy = this.takeOverNoise();
    ({ head: this.head, tail: this.tail } = split(model, noisy));
  }

  features(image: tf.Tensor4D): tf.Tensor[] {
    const features = this.head.apply(image) as tf.Tensor | tf.Tensor[];
    return Array.isArray(features) ? features : [features];
  }

  scores(features: readonly tf.Tensor[], streams?: Streams): tf.Tensor {
    if (this.tail === undefined) return tf.clone(features[0]);
    this.streams = streams;
    try {
      return this.tail.apply([...features]) as tf.Tensor;
    } finally {
      this.streams = undefined;
    }
  }

  dispose(): void {
    // Head and tail use the model's own layers, so counting users, as the model's `dispose` does, would free none.
    for (const weight of this.model.weights) weight.dispose();
  }

  /**
   * Replaces what dropout-like layers do: noise from a draw's streams, or nothing.
   * @returns those layers and whatever contains one
   */
  private takeOverNoise(): ReadonlySet<Layer> {
    const noisy = new Set<Layer>();
    const visit = (layer: Layer): boolean => {
      const noise = noiseOf(layer);
      if (noise) {
        layer.call = (inputs) => {
          const x = Array.isArray(inputs) ? inputs[0] : inputs;
          const { streams } = this;
          return streams ? tf.tidy(() => noise(x, streams())) : x;
        };
      }
      // Every layer inside is visited, also behind the first that is noisy.
      const inner = innerLayers(layer).map(visit);
      if (!noise && !inner.includes(true)) return false;
      noisy.add(layer);
      return true;
    };
    for (const layer of this.model.layers) visit(layer);
    return noisy;
  }
}

/** The layers of a nested model, or the one in a wrapper such as TimeDistributed. */
function innerLayers(layer: Layer): readonly Layer[] {
  if (layer instanceof tfl.LayersModel) return layer.layers;
  const { layer: wrapped } = layer as { layer?: Layer };
  return wrapped instanceof tfl.layers.Layer ? [wrapped] : [];
}

/**
 * Cuts a model in two, the layers shared: `head` gives all that does not depend on noise and is read by what does,
 * `tail` goes from there to the output.
 */
function split(
  model: tfl.LayersModel,
  noisy: ReadonlySet<Layer>,
): { head: tfl.LayersModel; tail: tfl.LayersModel | undefined } {
  const known = new Map<number, boolean>();
  const varies = (tensor: tfl.SymbolicTensor): boolean => {
    let answer = known.get(tensor.id);
    if (answer === undefined) {
      answer = noisy.has(tensor.sourceLayer) || tensor.inputs.some(varies);
      known.set(tensor.id, answer);
    }
    return answer;
  };
  if (!varies(model.outputs[0])) return { head: model, tail: undefined };

  // Layers are applied anew, to inputs that stand for the head's outputs. Each use of a layer gives all its outputs.
  const cuts = new Map<tfl.SymbolicTensor, tfl.SymbolicTensor>();
  const applied = new Map<string, tfl.SymbolicTensor[]>();
  const again = (tensor: tfl.SymbolicTensor): tfl.SymbolicTensor => {
    if (!varies(tensor)) {
      const cut = cuts.get(tensor) ?? tfl.input({ batchShape: tensor.shape, dtype: tensor.dtype });
      cuts.set(tensor, cut);
      return cut;
    }
    const { sourceLayer, nodeIndex, inputs, callArgs, outputTensorIndex = 0 } = tensor;
    const use = `${sourceLayer.id}/${nodeIndex}`;
    let outputs = applied.get(use);
    if (outputs === undefined) {
      const from = inputs.map(again);
      const output = sourceLayer.apply(from.length === 1 ? from[0] : from, callArgs);
      outputs = (Array.isArray(output) ? output : [output]) as tfl.SymbolicTensor[];
      applied.set(use, outputs);
    }
    return outputs[outputTensorIndex];
  };
  const output = again(model.outputs[0]);
  return {
    head: tfl.model({ inputs: model.inputs, outputs: [...cuts.keys()] }),
    tail: tfl.model({ inputs: [...cuts.values()], outputs: output }),
  };
}

/** Class names in a topology's lists of layers, at any depth, that tfjs has no class for. */
function unknownClasses(topology: unknown): string[] {
  const { classNameMap } = tf.serialization.SerializationMap.getMap();
  const found = new Set<string>();
  const visit = (value: unknown, isLayer: boolean) => {
    if (typeof value !== 'object' || value === null) return;
    const { class_name: name } = value as { class_name?: unknown };
    if (isLayer && typeof name === 'string' && !Object.hasOwn(classNameMap, name)) found.add(name);
    for (const [key, inner] of Object.entries(value)) {
      // Early files have a Sequential's layers as its very config.
      const isList = (key === 'layers' || key === 'config') && Array.isArray(inner);
      if (isList) for (const each of inner) visit(each, true);
      else visit(inner, key === 'layer');
    }
  };
  visit(topology, false);
  return [...found];
}

/** What is wrong with a model that tfjs could not build, by the name of the weight where one is at fault. */
async function buildError(model: TfjsModel, error: Error): Promise<UserError> {
  const { file, specs, topology } = model;
  const { message } = error;
  if (`${topology.keras_version ?? ''}`.startsWith('3')) {
    return new UserError(
      `${file} was saved by Keras ${topology.keras_version}, whose models TensorFlow.js cannot build: expected one saved by Keras 2 (tf_keras), or the network as a GraphModel.`,
    );
  }
  const stray = /no target variable: (\S+)/.exec(message)?.[1];
  if (stray) return new UserError(`${file} has a weight ${stray} that belongs to none of its layers.`);
  const missing = /weights are not set: (\S+)/.exec(message)?.[1];
  if (missing) return new UserError(`${file} lacks weights of its layers: ${missing.replaceAll(',', ', ')}.`);
  if (message.startsWith('Shape mismatch')) {
    // tfjs does not say which: built without values, the model tells what shapes it expects.
    const built = await tfl.models.modelFromJSON({ ...tfjsArtifacts(model) } as tfl.ModelAndWeightsConfig);
    for (const { originalName, shape } of built.weights) {
      const found = specs.find(({ name }) => name === originalName);
      if (found && `${found.shape}` !== `${shape}`) {
        return new UserError(
          `${file}: weight ${originalName} has shape [${found.shape}], its layer expects [${shape}].`,
        );
      }
    }
  }
  return new UserError(`${file}: TensorFlow.js cannot build this LayersModel: ${firstSentence(error)}.`, {
    cause: error,
  });
}
