/** The topic with a history. */
export const recordedTopic = 'com.bench.recorded';
/** Topics that begin so have a retained event. */
export const retainedPrefix = 'com.bench.retained';
