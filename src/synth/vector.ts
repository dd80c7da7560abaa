/** Metres, or a direction; world axes are x and y along the floor, z up. */
export type Vec3 = readonly [number, number, number];

/** Row-major 3×3 rotation, local to world. */
export type Mat3 = readonly [number, number, number, number, number, number, number, number, number];
