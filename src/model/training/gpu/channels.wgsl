// How sums over pixels are shared out, by channel: a workgroup has some channels of one chunk of pixels, `lanes` threads
// side by side over the channels and the rest below each other over the pixels. What the threads of a channel come to
// is added by a tree, and chunks in their order: the same bits every time.

const GROUP = 256u;

struct Channels {
  pixels: u32,
  channels: u32,
  /// Pixels of a chunk; the last may have fewer.
  chunk: u32,
  /// A power of two.
  lanes: u32,
}

struct Share {
  /// May be beyond the last.
  chunk: u32,
  channel: u32,
  /// Pixels of the chunk; empty beyond the last channel or chunk.
  begin: u32,
  end: u32,
  /// The thread's first pixel, and how far it is to its next.
  first: u32,
  step: u32,
}

fn share_of(all: Channels, group: u32, lane: u32) -> Share {
  let columns = (all.channels + all.lanes - 1u) / all.lanes;
  let chunk = group / columns;
  let channel = group % columns * all.lanes + lane % all.lanes;
  let begin = min(chunk * all.chunk, all.pixels);
  let end = select(begin, min(begin + all.chunk, all.pixels), channel < all.channels);
  return Share(chunk, channel, begin, end, begin + lane / all.lanes, GROUP / all.lanes);
}

fn chunks_of(all: Channels) -> u32 { return (all.pixels + all.chunk - 1u) / all.chunk; }
