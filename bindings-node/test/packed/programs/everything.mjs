import * as stanchion from 'stanchion';

globalThis.stanchion = stanchion;
