/** The package's public face: operators, stages, and the nouns they use. */

export { type Compared, compare } from '../pipelines/compare.js';
export { learn } from '../pipelines/learn.js';
export { type LiveInput, type LiveOptions, live, liveScenes } from '../pipelines/live.js';
export { type Replayed, replay, scenePicks, selectAll } from '../pipelines/replay.js';
export { infer, report, score, select } from '../pipelines/stages.js';
export { DATASETS, findDataset } from './datasets/index.js';
export * from './errors.js';
export * from './frame.js';
export { GpuPairwiseScorer } from './geometry/gpu/gpu-pairwise-scorer.js';
export { averageBySuperpixel, type PixelScores, scorePairwise, type View } from './geometry/pairwise.js';
export { type AdapterReport, closeGpu, Gpu, openGpu } from './gpu/device.js';
export { GpuError } from './gpu/errors.js';
export { type Inspection, type InspectOptions, inspectRecording } from './inspect/inspection.js';
export { type AnnotationTimes, PAPER_TIMES } from './labels/effort.js';
export { LabelState } from './labels/label-state.js';
export { type Annotator, groundTruth } from './labels/oracle.js';
export type { Region } from './labels/region.js';
export { FolderSource, type FolderSourceOptions } from './live/folder-source.js';
export { KEYFRAME_DEFAULTS, type KeyframeOptions } from './live/keyframe-options.js';
export { KeyframeGate } from './live/keyframes.js';
export type { LiveEvent, LiveFrame, LiveWindow } from './live/live-event.js';
export { LiveRecording } from './live/live-recording.js';
export { LiveScene } from './live/live-scene.js';
export { LiveScenes } from './live/live-scenes.js';
export type { LiveSource, SkipReason, SourceCounts } from './live/live-source.js';
export { LiveStatus } from './live/live-status.js';
export { NetworkSource } from './live/network-source.js';
export { type PlaybackOptions, PlaybackSource } from './live/playback-source.js';
export { loadNetwork, saveNetwork } from './model/checkpoint.js';
export { Calibration, type ReliabilityBin } from './model/evaluation/calibration.js';
export { ConfusionMatrix } from './model/evaluation/confusion-matrix.js';
export { evaluate } from './model/evaluation/evaluate.js';
export { createSegmenter, type SegmenterOptions } from './model/inference/create-segmenter.js';
export { loadModel, type Model, readClassNames } from './model/inference/model-folder.js';
export type { Segmenter } from './model/inference/segmenter.js';
export { initialNetwork, type Network } from './model/network.js';
export {
  type GpuProbabilityMap,
  halfValues,
  mostProbable,
  type ProbabilityMap,
  toHalves,
} from './model/probability-map.js';
export { PAPER_RECIPE, QUICK_RECIPE, type TrainingOptions } from './model/training/recipe.js';
export { initialState, type TrainingState } from './model/training/state.js';
export {
  Trainer,
  type TrainerOptions,
  type TrainingStep,
  type Validation,
} from './model/training/trainer.js';
export { bin } from './operators/bin.js';
export { cutSuperpixels } from './operators/cut-superpixels.js';
export { Turns } from './operators/in-turn.js';
export { integrate } from './operators/integrate.js';
export type { Observation } from './operators/observation.js';
export { observe } from './operators/observe.js';
export { pull } from './operators/pull.js';
export { readFrames } from './operators/read-frames.js';
export { segment } from './operators/segment.js';
export { selectByWindow } from './operators/select-by-window.js';
export { skipBadFrames } from './operators/skip-bad-frames.js';
export { stored } from './operators/stored.js';
export { type Budget, BudgetMeter, parseBudget } from './selection/budget.js';
export { mergePicks } from './selection/merge.js';
export { OverlapIndex } from './selection/overlap-index.js';
export { type Pick as SurfacePick, pickSurfaces } from './selection/pick.js';
export { PriorityQueue } from './selection/priority-queue.js';
export { addDesk, type LiveDesk } from './server/desk/desk.js';
export type { ServerLimits, ServerOptions } from './server/options.js';
export { createServer, type LiveServer } from './server/server.js';
export { AS_READ, type Correction, correctedRecording } from './sources/correction.js';
export type { Format } from './sources/formats.js';
export { openRecording } from './sources/open.js';
export type { BadEntry, FrameEntry, Recording } from './sources/recording.js';
export { type Comparison, openComparison } from './stages/comparison/comparison.js';
export { inferScene } from './stages/infer.js';
export { type Learning, openLearning } from './stages/learning/learning.js';
export { LiveLabels } from './stages/live/labels.js';
export { LiveNetworks } from './stages/live/networks.js';
export { LivePictures } from './stages/live/pictures.js';
export { openLiveRun } from './stages/live/run.js';
export { measureStage } from './stages/measure.js';
export { type Monitor, type Progress, SILENT } from './stages/monitor.js';
export { observeScene } from './stages/observe.js';
export type { RunOptions } from './stages/options.js';
export { type Prepared, type PrepareOptions, prepareDataset } from './stages/prepare-dataset.js';
export { reportStage } from './stages/report.js';
export { openRun, type Run } from './stages/run.js';
export { listScenes, type ObservedScene, type Scene, type ScoredScene } from './stages/scene.js';
export { scoreScene } from './stages/score.js';
export { networkMaps, ownMapsOnly, type ProbabilitySource, segmentation } from './stages/segmentation.js';
export { pickScene, writeSelections } from './stages/select.js';
export { trainStage } from './stages/train.js';
export { sumIncidences } from './store/bin.js';
export { CpuPointStore } from './store/cpu-point-store.js';
export { type Footprint, footprintOf } from './store/footprint.js';
export { GpuBinner } from './store/gpu/binner.js';
export { type GpuIncidences, readIncidences, uploadIncidences } from './store/gpu/gpu-incidences.js';
export { GpuPointStore } from './store/gpu-point-store.js';
export type { Incidences } from './store/incidences.js';
export type { PointStore, Points, SuperpixelScores } from './store/point-store.js';
export { VoxelTable } from './store/voxel-table.js';
export { findStrategy, STRATEGIES } from './strategies/index.js';
export type { Candidate, Pool, Strategy } from './strategies/strategy.js';
export { relabel } from './superpixels/connected.js';
export { boundaryRecall, undersegmentationError } from './superpixels/metrics.js';
export { seeds } from './superpixels/seeds.js';
export type { Superpixels } from './superpixels/superpixels.js';
export { generateRecording, type SynthOptions } from './synth/generate.js';
export type { BinnedFrame, FrameInfo } from './tables/frame-tables.js';
export * as tables from './tables/schemas.js';
export { VERSION } from './version.js';
