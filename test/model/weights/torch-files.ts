import { deflateRawSync, gzipSync } from 'node:zlib';
import type { HostTensor } from '../../../src/model/network.js';
import type { TestLayer, TestNetwork } from './source-network.js';

const MEAN = [0.485, 0.456, 0.406];
const DEVIATION = [0.229, 0.224, 0.225];
const TORCH_EPSILON = 1e-5;

type Project = 'torchvision' | 'timm' | 'transformers';

/** The state dictionary that makes a PyTorch project compute what the test network does. */
export function stateDict({ layers, classifier }: TestNetwork, project: Project): Map<string, HostTensor> {
  const tensors = new Map<string, HostTensor>();
  const isTransformers = project === 'transformers';
  for (const layer of layers) {
    const [conv, norm] = names(layer.target, project);
    const { weights, mean } =
      layer.target === 'backbone/stem' && !isTransformers ? forImagenetColours(layer) : layer;
    const channels = [mean.length];
    // Another ε, made up for in the scale.
    const scale = isTransformers
      ? layer.scale
      : layer.scale.map(
          (s, c) => s * Math.sqrt((layer.variance[c]! + TORCH_EPSILON) / (layer.variance[c]! + 1e-3)),
        );
    tensors
      .set(`${conv}.weight`, toTorch(weights, layer.isDepthwise))
      .set(`${norm}.weight`, { shape: channels, data: scale })
      .set(`${norm}.bias`, { shape: channels, data: layer.offset })
      .set(`${norm}.running_mean`, { shape: channels, data: mean })
      .set(`${norm}.running_var`, { shape: channels, data: layer.variance });
  }
  const name = project === 'torchvision' ? 'classifier.1' : 'classifier';
  const dense = toTorch(classifier.weights, false);
  tensors.set(`${name}.weight`, { shape: dense.shape.slice(0, 2), data: dense.data });
  return tensors.set(`${name}.bias`, { shape: [classifier.bias.length], data: classifier.bias });
}

/** Filters and running mean for colours (c − mean)/deviation, c = (u + 1)/2, where ours are for u. */
function forImagenetColours({ weights, mean }: TestLayer): { weights: HostTensor; mean: Float32Array } {
  const [height, width, , outputs] = weights.shape as [number, number, number, number];
  const data = Float32Array.from(weights.data);
  const shifted = Float32Array.from(mean);
  for (let o = 0; o < outputs; o++) {
    let constant = 0;
    for (let pixel = 0; pixel < height * width; pixel++) {
      for (let c = 0; c < 3; c++) {
        const at = (pixel * 3 + c) * outputs + o;
        data[at]! *= 2 * DEVIATION[c]!;
        constant += (data[at]! * (0.5 - MEAN[c]!)) / DEVIATION[c]!;
      }
    }
    shifted[o]! += constant;
  }
  return { weights: { ...weights, data }, mean: shifted };
}

/** [k, k, in, out] to [out, in, k, k]; depthwise [k, k, C, 1] to [C, 1, k, k]. */
function toTorch({ shape, data }: HostTensor, isDepthwise: boolean): HostTensor {
  const [height, width, inputs, outputs] = shape as [number, number, number, number];
  const [out, into] = isDepthwise ? [inputs, 1] : [outputs, inputs];
  const values: number[] = [];
  for (let o = 0; o < out; o++)
    for (let i = 0; i < into; i++)
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) values.push(data[((y * width + x) * into + i) * out + o]!);
  return { shape: [out, into, height, width], data: Float32Array.from(values) };
}

function names(target: string, project: Project): [conv: string, norm: string] {
  const [, name, part] = target.split('/') as [string, string?, string?];
  const block = name === undefined || name === 'stem' ? -1 : Number(name.slice(1));
  const step =
    block === 0 ? ['depthwise', 'project'].indexOf(part!) : ['expand', 'depthwise', 'project'].indexOf(part!);
  if (project === 'torchvision') {
    if (target === 'top') return ['features.18.0', 'features.18.1'];
    if (block < 0) return ['features.0.0', 'features.0.1'];
    const prefix = `features.${block + 1}.conv`;
    if (part !== 'project') return [`${prefix}.${step}.0`, `${prefix}.${step}.1`];
    return [`${prefix}.${step}`, `${prefix}.${step + 1}`];
  }
  if (project === 'transformers') {
    const own =
      target === 'top'
        ? 'conv_1x1'
        : block < 0
          ? 'conv_stem.first_conv'
          : block === 0
            ? `conv_stem.${['conv_3x3', 'reduce_1x1'][step]}`
            : `layer.${block - 1}.${['expand_1x1', 'conv_3x3', 'reduce_1x1'][step]}`;
    return [`mobilenet_v2.${own}.convolution`, `mobilenet_v2.${own}.normalization`];
  }
  if (target === 'top') return ['conv_head', 'bn2'];
  if (block < 0) return ['conv_stem', 'bn1'];
  const starts = [0, 1, 3, 6, 10, 13, 16];
  const stage = starts.findLastIndex((start) => start <= block);
  const kinds = stage === 0 ? ['conv_dw', 'conv_pw'] : ['conv_pw', 'conv_dw', 'conv_pwl'];
  const prefix = `blocks.${stage}.${block - starts[stage]!}`;
  return [`${prefix}.${kinds[step]}`, `${prefix}.bn${step + 1}`];
}

const bytesOf = ({ data }: HostTensor) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

/** A safetensors file as other programs write it: tensors of other types among them, no padding, no checksum. */
export function safetensorsFile(tensors: ReadonlyMap<string, HostTensor>): Buffer {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  const counter = Buffer.alloc(8, 1);
  header['features.0.1.num_batches_tracked'] = { dtype: 'I64', shape: [], data_offsets: [0, 8] };
  let at = counter.length;
  for (const [name, tensor] of tensors) {
    header[name] = { dtype: 'F32', shape: tensor.shape, data_offsets: [at, at + tensor.data.byteLength] };
    at += tensor.data.byteLength;
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, counter, ...[...tensors.values()].map(bytesOf)]);
}

const u16 = (n: number) => Buffer.from(Uint16Array.of(n).buffer);
const u32 = (n: number) => Buffer.from(Uint32Array.of(n).buffer);
const u64 = (n: number) => Buffer.from(BigUint64Array.of(BigInt(n)).buffer);

const ascii = (text: string) => Buffer.from(text, 'latin1');
const unicode = (text: string) => Buffer.concat([ascii('X'), u32(text.length), ascii(text)]);
const int = (n: number) => Buffer.concat([ascii('J'), u32(n)]);
const tuple = (...items: Buffer[]) => Buffer.concat([ascii('('), ...items, ascii('t')]);

/** The pickle of an OrderedDict of tensors, as torch.save writes one, protocol 2. */
function dictionaryPickle(tensors: ReadonlyMap<string, HostTensor>, isLegacy: boolean): Buffer {
  const items = [...tensors].map(([name, { shape, data }], i) => {
    const storage = [
      unicode('storage'),
      ascii('ctorch\nFloatStorage\n'),
      unicode(`${i}`),
      unicode('cpu'),
      int(data.length),
    ];
    const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, n) => product * n, 1));
    return Buffer.concat([
      unicode(name),
      ascii('ctorch._utils\n_rebuild_tensor_v2\n'),
      tuple(
        Buffer.concat([tuple(...storage, ...(isLegacy ? [ascii('N')] : [])), ascii('Q')]),
        int(0),
        tuple(...shape.map(int)),
        tuple(...strides.map(int)),
        ascii('\x89'),
        ascii('ccollections\nOrderedDict\n)R'),
      ),
      ascii('R'),
    ]);
  });
  const metadata = Buffer.concat([ascii('}'), unicode('_metadata'), ascii('}s')]);
  return Buffer.concat([
    ascii('\x80\x02ccollections\nOrderedDict\n)Rq\x00('),
    ...items,
    ascii('u'),
    metadata,
    ascii('b.'),
  ]);
}

/** A .pth file of PyTorch before 1.6. */
export function legacyTorchFile(tensors: ReadonlyMap<string, HostTensor>): Buffer {
  const keys = [...tensors.keys()].map((_, i) => unicode(`${i}`));
  return Buffer.concat([
    ascii('\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.'),
    ascii('\x80\x02M\xe9\x03.'),
    ascii('\x80\x02}q\x00('),
    ...[
      unicode('little_endian'),
      ascii('\x88'),
      unicode('protocol_version'),
      ascii('M\xe9\x03'),
      ascii('u.'),
    ],
    dictionaryPickle(tensors, true),
    ascii('\x80\x02]q\x00('),
    ...keys,
    ascii('e.'),
    ...[...tensors.values()].flatMap((tensor) => [u64(tensor.data.length), bytesOf(tensor)]),
  ]);
}

/** A .pth file of PyTorch since 1.6. */
export function torchArchive(tensors: ReadonlyMap<string, HostTensor>): Buffer {
  return zipFile(
    new Map([
      ['archive/data.pkl', dictionaryPickle(tensors, false)],
      ...[...tensors.values()].map((tensor, i) => [`archive/data/${i}`, bytesOf(tensor)] as const),
    ]),
  );
}

/** A zip archive, every second entry deflated. */
export function zipFile(entries: ReadonlyMap<string, Buffer>): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  [...entries].forEach(([name, content], i) => {
    const method = i % 2 === 0 ? 0 : 8;
    const packed = method === 0 ? content : deflateRawSync(content);
    // Gzip ends with the same CRC-32, and the length.
    const checksum = gzipSync(content).subarray(-8).readUInt32LE(0);
    // Version, flags, method, time and date, checksum, sizes, lengths of name and extra field.
    const common = [
      u16(20),
      u16(0),
      u16(method),
      u32(0),
      u32(checksum),
      u32(packed.length),
      u32(content.length),
      u16(name.length),
      u16(0),
    ];
    const local = Buffer.concat([u32(0x04034b50), ...common, ascii(name), packed]);
    directory.push(
      Buffer.concat([
        u32(0x02014b50),
        u16(20),
        ...common,
        u16(0),
        u16(0),
        u16(0),
        u32(0),
        u32(at),
        ascii(name),
      ]),
    );
    parts.push(local);
    at += local.length;
  });
  const central = Buffer.concat(directory);
  const end = [
    u32(0x06054b50),
    u16(0),
    u16(0),
    u16(entries.size),
    u16(entries.size),
    u32(central.length),
    u32(at),
    u16(0),
  ];
  return Buffer.concat([...parts, central, ...end]);
}
